"""torch.compile(model, backend="metronome", options={"client": client})."""
import weakref

import torch
from torch import nn
from torch.export.graph_signature import OutputKind

from metronome import errors, torch_compile


class _Rebuilt(nn.Module):
    """Dynamo's graph with its weights inside. Takes the other inputs; gives the outputs, then what became of inputs that the graph changes,
    which are copied first."""

    def __init__(self, graph_module, slots, examples, changed):
        super().__init__()
        self.inner, self.slots, self.changed = graph_module, slots, changed
        for index, slot in enumerate(slots):
            if slot == "weight":
                self.register_buffer(f"weight_{index}", examples[index].detach())

    def forward(self, *inputs):
        given = iter(inputs)
        values = [self.get_buffer(f"weight_{index}") if slot == "weight" else next(given) if slot == "input" else None
                  for index, slot in enumerate(self.slots)]
        values = [value.clone() if index in self.changed else value for index, value in enumerate(values)]
        for index, slot in enumerate(self.slots):
            if isinstance(slot, tuple):
                values[index] = values[slot[0]].size(slot[1])
        return [output for output in self.inner(*values) if isinstance(output, torch.Tensor)], [values[index] for index in self.changed]


def _symbol(size):
    return str(size) if isinstance(size, torch.SymInt) else None


def _slots_of(placeholders, examples):
    """What each input of Dynamo's graph is: "weight", "input", or (i, d): the size of input i in dimension d."""
    sizes = {_symbol(size): (index, dim) for index, node in enumerate(placeholders)
             if isinstance(value := node.meta["example_value"], torch.Tensor) for dim, size in enumerate(value.shape) if _symbol(size)}

    def slot(example):
        if isinstance(example, torch.Tensor):
            return "weight" if isinstance(example, nn.Parameter) or hasattr(example, "_dynamo_static_input_type") else "input"
        return sizes.get(_symbol(example), "input")

    return [slot(example) for example in examples]


def _dynamic_shapes(placeholders, slots):
    """Of the inputs: the sizes that are symbols vary. Which of them are equal, the export finds."""
    def sizes_of(value):
        if not isinstance(value, torch.Tensor):
            return None
        return {dim: torch.export.Dim.AUTO for dim, size in enumerate(value.shape) if _symbol(size)}

    return (tuple(sizes_of(node.meta["example_value"]) for node, slot in zip(placeholders, slots) if slot == "input"),)


def _as_tensor(value):
    return value if isinstance(value, torch.Tensor) else torch.tensor(int(value) if isinstance(value, torch.SymInt) else value)


def _export(graph_module, placeholders, examples):
    """The program, the slots of its inputs, and which inputs it changes. Weights that it changes are inputs too."""
    slots = _slots_of(placeholders, examples)
    changed = []
    while True:
        inputs = tuple(_as_tensor(example) for example, slot in zip(examples, slots) if slot == "input")
        module = _Rebuilt(graph_module, slots, examples, changed)
        with torch._guards.tracing(None):  # What this export assumes is no guard of Dynamo's frame.
            program = torch_compile.export(module, inputs, {}, _dynamic_shapes(placeholders, slots))
        names = program.graph_signature.user_inputs
        places = [index for index, slot in enumerate(slots) if slot == "input"]
        found = []
        for spec in program.graph_signature.output_specs:
            if spec.kind == OutputKind.BUFFER_MUTATION:
                found.append(int(spec.target.rpartition("_")[2]))
            elif spec.kind == OutputKind.USER_INPUT_MUTATION:
                found.append(places[names.index(spec.target)])
        if not found:
            return program, slots, changed
        changed = sorted({*changed, *found})
        slots = ["input" if index in changed else slot for index, slot in enumerate(slots)]


def backend(graph_module, example_inputs, options=None):
    """A backend of torch.compile for inference. Weights go to the daemon once, as they are at compile time; tensors that the graph changes
    travel with each call, and come back."""
    if torch.is_grad_enabled() and any(isinstance(value, torch.Tensor) and value.requires_grad for value in example_inputs):
        raise errors.Unimplemented("Metronome computes no gradients: call the model within torch.no_grad()")
    client, options = torch_compile.client_of(options)
    placeholders = [node for node in graph_module.graph.nodes if node.op == "placeholder"]
    program, slots, changed = _export(graph_module, placeholders, example_inputs)
    graph = torch_compile.send(client, program, options)
    (results,) = (node.args[0] for node in graph_module.graph.nodes if node.op == "output")
    plain = [result for result in results if not _is_tensor(result)]
    if plain:
        raise errors.Unimplemented(f"the graph gives what is no tensor: {plain}")
    count = len(results)

    def call(*inputs):
        outputs = torch_compile.run(graph, [_as_tensor(value) for value, slot in zip(inputs, slots) if slot == "input"])
        for index, value in zip(changed, outputs[count:]):
            inputs[index].copy_(value)
        return outputs[:count]

    weakref.finalize(call, torch_compile.unload_quietly, graph)
    return call


def _is_tensor(result):
    return isinstance(result, torch.fx.Node) and isinstance(result.meta.get("example_value"), torch.Tensor)
