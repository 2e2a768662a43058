"""A Python environment with one small package in it, and wheels of other versions of that; made without a network."""

from __future__ import annotations

import compileall
import sys
import venv
import zipfile
from pathlib import Path

from lockstep.pipeline import own_python
from lockstep.pipeline.own_python import Origin

_MODULE = "VERSION = '{0}'\ndef main(): print('tiny', VERSION)\n"


def _files(version: str) -> dict[str, str]:
    about = f"tiny-{version}.dist-info"
    return {
        "tiny.py": _MODULE.format(version),
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": f"[console_scripts]\ntiny = tiny:main\n[lockstep]\nv{version} = tiny:main\n",
        f"{about}/RECORD": "",
    }


def wheel(folder: Path, version: str) -> Path:
    """Make a wheel of a version of tiny."""
    file = folder / f"tiny-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as packed:
        for name, text in _files(version).items():
            packed.writestr(name, text)
    return file


def environment(folder: Path) -> Origin:
    """Make an environment with tiny 1.0 in it, and all that this interpreter has."""
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name, text in _files("1.0").items():
        (packages / name).parent.mkdir(exist_ok=True)
        (packages / name).write_text(text)
    (packages / "ours.pth").write_text("".join(f"{one}\n" for one in own_python.current().packages))
    python = f"#!{folder}/bin/python\nimport sys\n"
    scripts = {
        "tiny": f"{python}import tiny\nprint(*sys.argv)\nsys.exit(tiny.main())\n",
        "pip": f"{python}from pip._internal.cli.main import main\nsys.exit(main())\n",
        "tool": "#!/bin/sh\necho a tool of the caller\n",
    }
    for name, text in scripts.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    # As pip does, so that who imports it later has nothing to write.
    compileall.compile_dir(packages, quiet=1)
    return Origin(folder / "bin", (packages,))


def content(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder and what is in it."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }
