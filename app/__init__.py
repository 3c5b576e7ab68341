"""mlrelease: from "this training job looks good" to "it serves production on Azure ML, and everybody knows why"."""
