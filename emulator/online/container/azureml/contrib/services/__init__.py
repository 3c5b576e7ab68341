"""The older name under which a score script finds its requests and responses; Azure's server maps it the same way."""

from azureml_inference_server_http.api.aml_request import rawhttp

__all__ = ["rawhttp"]
