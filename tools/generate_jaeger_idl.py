"""Generate the Python code of Jaeger's .proto files, in place: run it after changing one of them,
in an environment of the dependency group "idl" (its protoc decides which protobuf can load it)."""

import sys
from pathlib import Path

from grpc_tools import protoc

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / "viewer" / "formats" / "jaeger" / "idl"


def main() -> int:
    """Run protoc on each file; return its exit status."""
    included = Path(protoc.__file__).parent / "_proto"
    return protoc.main(
        [
            "protoc",
            f"--proto_path={REPOSITORY}",
            f"--proto_path={included}",
            f"--python_out={REPOSITORY}",
            f"--pyi_out={REPOSITORY}",
            *(str(path.relative_to(REPOSITORY)) for path in sorted(FOLDER.glob("*.proto"))),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
