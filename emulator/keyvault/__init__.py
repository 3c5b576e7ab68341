"""Key Vault: vaults as ARM resources, and the secrets in them for the unmodified SecretClient.

A vault's address is ``https://127.0.0.1:PORT/keyvault/<vault>``. SecretClient reads a secret's name and version from its id, of
which it wants exactly three path segments: so the ids here have the vault in the first one, with its slashes encoded. Such
an id is still an address that works.
"""
