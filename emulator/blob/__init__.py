"""Blob storage: its REST interface for the Azure SDK, over plain files in the data folder."""
