"""How a source package comes through pip without a line of it being run.

pip asks even of a package that it only downloads what it is called, and for a source package it starts the package's
own `setup.py` to hear that. Here a build backend that lies before setuptools on pip's path reads the answer from the
file `PKG-INFO`, which every source package holds (PEP 517 for the hook, PEP 643 for the file).
"""

from pathlib import Path

_BACKEND = """\
import os


class Backend:
    def prepare_metadata_for_build_wheel(self, folder, config_settings=None):
        with open("PKG-INFO", encoding="utf-8", errors="replace") as file:
            said = file.read()
        fields = dict(line.split(": ", 1) for line in said.split("\\n\\n")[0].splitlines() if ": " in line)
        name = "%s-%s.dist-info" % (fields["Name"].replace("-", "_"), fields["Version"])
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w", encoding="utf-8") as file:
            file.write(said)
        return name


__legacy__ = Backend()
prepare_metadata_for_build_wheel = __legacy__.prepare_metadata_for_build_wheel
"""


def lay_stand_in(scratch: Path) -> dict[str, str]:
    """Lay the backend into `scratch`; give the variables that make pip use it, beside `--no-build-isolation`."""
    folder = scratch / "stand-in" / "setuptools"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "build_meta.py").write_text(_BACKEND, encoding="utf-8")
    # A variable and not an option: a pip that knows of no other way any more may refuse the option.
    return {"PYTHONPATH": str(folder.parent), "PIP_USE_PEP517": "1"}
