"""What a score script may import: requests and responses."""
