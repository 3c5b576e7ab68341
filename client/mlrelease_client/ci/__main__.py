"""python -m mlrelease_client.ci"""

from mlrelease_client.ci.main import run

if __name__ == "__main__":
    run()
