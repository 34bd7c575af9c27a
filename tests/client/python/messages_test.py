"""The generated dataclasses, the conversion to the wire and back, and tensors; no daemon."""
import array
import dataclasses
import unittest

import metronome
from metronome import errors, generation, graph, messages, wire


class MessagesTest(unittest.TestCase):
    def test_every_message_survives_the_wire(self):
        for name in messages.__all__:
            cls = getattr(messages, name)
            with self.subTest(name):
                full = filled(cls)
                self.assertEqual(wire.parser(cls)(wire.serialize(full)), full)
                self.assertEqual(wire.parser(cls)(wire.serialize(cls())), cls())

    def test_absence_is_not_zero(self):
        parse = wire.parser(messages.Sampling)
        self.assertIsNone(parse(wire.serialize(messages.Sampling())).logprobs)
        self.assertEqual(parse(wire.serialize(messages.Sampling(logprobs=0))).logprobs, 0)
        self.assertEqual(parse(wire.serialize(messages.Sampling())).temperature, 0.0)

    def test_comments_of_the_protocol_are_the_documentation(self):
        self.assertIn("greedy", messages.Sampling.__doc__)
        with open(messages.__file__) as source:
            self.assertIn("#: Positions a session may hold at most", source.read())

    def test_every_method_of_the_protocol_is_known(self):
        for name, method in wire.METHODS.items():
            self.assertEqual(method.path.rpartition("/")[2], name)
            self.assertTrue(dataclasses.is_dataclass(method.request) and dataclasses.is_dataclass(method.response))
        self.assertEqual([wire.METHODS[name].streams for name in ("Compile", "Generate", "Prefill", "GetRun")], [True, True, False, False])

    def test_a_class_for_each_status(self):
        codes = {cls.code for cls in metronome.Error.__subclasses__()}
        self.assertEqual(len(codes), 15)
        self.assertEqual(set(errors.__all__), {cls.__name__ for cls in metronome.Error.__subclasses__()} | {"Error"})

    def test_prompts(self):
        message = messages.ChatMessage(role="user", content="hi")
        for prompt, field in (("text", "text"), ([1, 2], "tokens"), ((), "tokens"), ([message], "chat"), (messages.Chat(), "chat"),
                              (messages.SyntheticPrompt(tokens=3), "synthetic"), (messages.Prompt(text=""), "text")):
            made = generation.prompt_of(prompt)
            self.assertEqual([name.name for name in dataclasses.fields(made) if getattr(made, name.name) is not None], [field], prompt)


@unittest.skipUnless("ExecuteGraph" in wire.METHODS, "the protocol has no exported programs")
class TensorTest(unittest.TestCase):
    def test_buffers_become_tensors_and_come_back(self):
        for code, dtype in (("f", "float32"), ("d", "float64"), ("q", "int64"), ("i", "int32"), ("h", "int16"), ("b", "int8"), ("B", "uint8")):
            values = array.array(code, [1, 2, 3, 4, 5, 6])
            tensor = graph.tensor_of(memoryview(values).cast("B").cast(code, (2, 3)), "x")
            self.assertEqual((tensor.name, tensor.dtype, tensor.shape), ("x", dtype, [2, 3]))
            self.assertEqual(graph.array_of(tensor).tolist(), [[1, 2, 3], [4, 5, 6]])

    def test_what_is_no_tensor_is_named(self):
        with self.assertRaisesRegex(metronome.InvalidArgument, "format 'c'"):
            graph.tensor_of(memoryview(b"xy").cast("c"))
        with self.assertRaisesRegex(metronome.DataLoss, "3 bytes"):
            graph.array_of(messages.Tensor(dtype="float32", shape=[1], data=b"123"))
        with self.assertRaisesRegex(metronome.InvalidArgument, "bfloat16"):
            graph.array_of(messages.Tensor(dtype="bfloat16", shape=[1], data=b"12"))


def filled(cls, depth=3):
    """A message with something in each field: of a choice the last one alone counts, so those are left to their own tests."""
    values, choice = {}, cls.__name__ == "Prompt" or cls.__name__.endswith(("Response", "Request")) or depth == 0
    for field in dataclasses.fields(cls):
        kind = field.type.removesuffix(" | None")
        scalars = {"str": "é", "bytes": b"\x00\xff", "bool": True, "int": 7, "float": 0.5}
        if kind in scalars:
            values[field.name] = scalars[kind]
        elif kind.startswith("list["):
            inner = kind[5:-1]
            values[field.name] = [scalars[inner]] * 2 if inner in scalars else [] if choice else [filled(getattr(messages, inner), depth - 1)]
        elif kind.startswith("dict["):
            values[field.name] = {"a": scalars[kind[5:-1].split(", ")[1]]}
        elif not choice:
            values[field.name] = filled(getattr(messages, kind), depth - 1)
    if cls.__name__ == "Prompt":
        values = {"text": "é"}
    return cls(**values)


if __name__ == "__main__":
    unittest.main()
