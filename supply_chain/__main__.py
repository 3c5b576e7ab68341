"""``make sbom``: what the image is made of, as CycloneDX, and under which licences; it fails where one of them is not ours to pass on.

python -m supply_chain [--lock requirements.lock] [--into dist]
"""

import argparse
import json
import sys
from pathlib import Path

from supply_chain.sbom import Unlicensed, build_sbom, licences_of, require_valid

ROOT = Path(__file__).parents[1]


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m supply_chain", description="SBOM and licences of what is locked."
    )
    arguments.add_argument("--lock", type=Path, default=ROOT / "requirements.lock", help="what the image installs")
    arguments.add_argument("--into", type=Path, default=ROOT / "dist", help="folder for sbom.cdx.json and licences.txt")
    given = arguments.parse_args()
    try:
        sbom = build_sbom(given.lock, project=ROOT / "pyproject.toml")
        require_valid(sbom)
    except Unlicensed as found:
        raise SystemExit(str(found)) from found
    given.into.mkdir(parents=True, exist_ok=True)
    (given.into / "sbom.cdx.json").write_text(json.dumps(sbom, indent=2) + "\n")
    lines = [f"{each['name']} {each['version']}: {' and '.join(licences_of(each))}" for each in sbom["components"]]
    (given.into / "licences.txt").write_text("\n".join(lines) + "\n")
    sys.stdout.write(f"{len(lines)} packages, each under a licence that may be passed on: {given.into}/\n")


if __name__ == "__main__":
    main()
