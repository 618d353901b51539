"""Builds the simulated accelerator: see `sim.py`."""

from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

setup(
    name="simulated-accelerator",
    py_modules=["sim"],
    ext_modules=[CppExtension("_sim", ["sim.cpp"], extra_compile_args=["-O1", "-g0"])],
    cmdclass={"build_ext": BuildExtension.with_options(use_ninja=False)},
)
