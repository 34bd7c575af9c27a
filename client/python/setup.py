"""Adds to the package what is made from proto/: the descriptors of the protocol, and a dataclass for each message."""
import os
import pathlib
import runpy
import shutil
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
SCRATCH = tempfile.mkdtemp(prefix="metronome-build-")  # So that a build leaves nothing in the tree, and finds nothing of an earlier one.


class BuildWithMessages(build_py):
    def run(self):
        super().run()
        package = pathlib.Path(self.get_package_dir("metronome") if self.editable_mode else os.path.join(self.build_lib, "metronome"))
        generator = runpy.run_path(str(HERE / "message_generator.py"))
        generator["write_package_files"](HERE.parent.parent / "proto", package)


try:
    setup(
        cmdclass={"build_py": BuildWithMessages},
        # The protoc of PyPI where the machine has none.
        setup_requires=[] if shutil.which("protoc") else ["grpcio-tools"],
        options={"build": {"build_base": SCRATCH}, "egg_info": {"egg_base": SCRATCH}})
finally:
    shutil.rmtree(SCRATCH, ignore_errors=True)
