"""Exported programs through the Python package: sent, compiled, run, kept from run to run."""
import json
import os
import pathlib
import struct
import tempfile
import unittest

import client_test
import metronome
from metronome import graph, wire

EXPORTED = pathlib.Path(os.environ["METRONOME_GOLDEN"]) / "exported"


def read_safetensors(path):
    """Message Tensors by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    names = {"F32": "float32", "BF16": "bfloat16", "I64": "int64", "BOOL": "bool"}
    header = json.loads(data[8:8 + length])
    return {name: metronome.Tensor(dtype=names[entry["dtype"]], shape=entry["shape"],
                                   data=data[8 + length:][slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def flat(tensor):
    view = graph.array_of(tensor)
    return view.cast("B").cast(view.format).tolist()


@unittest.skipIf("CompileGraph" in wire.METHODS, "the protocol has exported programs")
class WithoutGraphsTest(unittest.TestCase):
    def test_it_says_that_there_are_none(self):
        with tempfile.TemporaryDirectory() as directory, client_test.spawn(directory) as client:
            with self.assertRaisesRegex(metronome.Unimplemented, "has no CompileGraph"):
                client.compile_graph("x.pt2")


@unittest.skipUnless("CompileGraph" in wire.METHODS, "the protocol has no exported programs")
class GraphTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="metronome_python_")
        cls.addClassCleanup(directory.cleanup)
        cls.client = client_test.spawn(directory.name, model_roots=[EXPORTED])
        cls.addClassCleanup(cls.client.close)

    def assert_close(self, got, want):
        self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
        for left, right in zip(flat(got), flat(want), strict=True):
            self.assertAlmostEqual(left, right, delta=1e-4 * max(1, abs(right)))

    def test_a_program_by_its_path_and_sent(self):
        steps = read_safetensors(EXPORTED / "mlp.safetensors")
        for options in ({}, {"upload": True}, {"execution_path": "eager"}):
            with self.client.compile_graph(EXPORTED / "mlp.pt2", **options) as program:
                self.assertEqual([tensor.dtype for tensor in program.info.inputs], ["float32"])
                for step in ("0", "1"):  # Of two batch sizes.
                    answer = program.run(steps[f"{step}.in.0"])
                    self.assert_close(answer.outputs[0], steps[f"{step}.out.0"])
                    self.assertEqual(answer.session, "")
                named = program.run(**{program.info.inputs[0].name: steps["0.in.0"]})
                self.assert_close(named.outputs[0], steps["0.out.0"])

    def test_a_session_keeps_the_static_cache(self):
        steps = read_safetensors(EXPORTED / "llama.safetensors")
        with self.client.compile_graph(EXPORTED / "llama.pt2") as program:
            for _ in range(2):  # A new session begins anew.
                with program.session() as session:
                    for step in range(4):
                        (logits,) = session.run(steps[f"{step}.in.0"], steps[f"{step}.in.1"])
                        self.assert_close(logits, steps[f"{step}.out.0"])
                    self.assertEqual(session.positions, 4)

    def test_errors(self):
        with self.client.compile_graph(EXPORTED / "mlp.pt2") as program:
            with self.assertRaises(metronome.InvalidArgument):
                program.run()
            with self.assertRaises(metronome.InvalidArgument):
                program.run(memoryview(b"12345678"))
            with self.assertRaises(metronome.NotFound):
                program.run(memoryview(b"12345678"), session="none")
        with self.assertRaises(metronome.NotFound):
            program.unload()
        with self.assertRaises(metronome.InvalidArgument):
            self.client.compile_graph(__file__)
        with self.assertRaisesRegex(metronome.Unimplemented, "no option speed"):
            self.client.compile_graph(EXPORTED / "mlp.pt2", speed=2)
        with self.assertRaises((metronome.NotFound, metronome.PermissionDenied)):
            self.client.compile_graph(EXPORTED / "none.pt2")


if __name__ == "__main__":
    unittest.main()
