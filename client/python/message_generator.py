"""Makes messages.py and protocol.binpb of the .proto files, when the package is built.

The descriptors work with every protobuf runtime, which code that protoc generates does not. The dataclasses carry the comments of the
protocol.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {Field.TYPE_STRING: ("str", '""'), Field.TYPE_BYTES: ("bytes", 'b""'), Field.TYPE_BOOL: ("bool", "False"),
           Field.TYPE_DOUBLE: ("float", "0.0"), Field.TYPE_FLOAT: ("float", "0.0"), Field.TYPE_INT32: ("int", "0"),
           Field.TYPE_INT64: ("int", "0"), Field.TYPE_UINT32: ("int", "0"), Field.TYPE_UINT64: ("int", "0")}
HEADER = '''"""The messages of the protocol as dataclasses. Generated from {files}; not edited by hand."""
from __future__ import annotations

import dataclasses

__all__ = {names}
'''


def describe_protocol(folder):
    """The descriptors of all .proto files below `folder`, comments included."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.proto"))
    if not files:
        raise FileNotFoundError(f"there are no .proto files in {folder}: the package is built from a clone of the repository")
    compiler = [shutil.which("protoc")] if shutil.which("protoc") else [sys.executable, "-m", "grpc_tools.protoc"]
    with tempfile.TemporaryDirectory() as scratch:
        output = pathlib.Path(scratch) / "set"
        subprocess.run([*compiler, f"-I{folder}", "--include_imports", "--include_source_info", f"--descriptor_set_out={output}", *files],
                       check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())


def type_and_default(field, maps):
    """Of a field of a dataclass, as Python."""
    if field.type == Field.TYPE_MESSAGE:
        name = field.type_name.rsplit(".", 1)[1]
        if name in maps:
            key, value = (type_and_default(part, {})[0] for part in maps[name].field)
            return f"dict[{key}, {value}]", "dataclasses.field(default_factory=dict)"
        kind, default = f"{name} | None", "None"
    else:
        name, default = SCALARS[field.type]
        in_choice = field.HasField("oneof_index")  # proto3 puts a field that is `optional` in a oneof of its own.
        kind, default = (f"{name} | None", "None") if in_choice else (name, default)
    if field.label == Field.LABEL_REPEATED:
        return f"list[{name}]", "dataclasses.field(default_factory=list)"
    return kind, default


def comment_of(comments, path):
    leading, trailing = comments.get(tuple(path), ("", ""))
    return [line.strip() for line in (leading + trailing).strip().splitlines()]


def dataclass_of(message, path, comments):
    if message.enum_type or any(not nested.options.map_entry for nested in message.nested_type):
        raise NotImplementedError(f"{message.name}: the protocol has no nested messages or enumerations so far")
    maps = {nested.name: nested for nested in message.nested_type}
    lines = ["", "", "@dataclasses.dataclass(kw_only=True)", f"class {message.name}:"]
    text = "\n    ".join(comment_of(comments, path)).replace("\\", "\\\\").replace('"""', "'''")
    if text:
        lines += [f'    """{text}"""' if "\n" not in text else f'    """{text}\n    """', ""]
    elif not message.field:
        lines.append("    pass")
    for index, field in enumerate(message.field):
        lines += [f"    #: {line}" for line in comment_of(comments, [*path, 2, index])]
        kind, default = type_and_default(field, maps)
        lines.append(f"    {field.name}: {kind} = {default}")
    return lines


def messages_module(descriptors):
    names = [message.name for file in descriptors.file for message in file.message_type]
    lines = HEADER.format(files=", ".join(file.name for file in descriptors.file), names=names).splitlines()
    for file in descriptors.file:
        comments = {tuple(location.path): (location.leading_comments, location.trailing_comments)
                    for location in file.source_code_info.location}
        for index, message in enumerate(file.message_type):
            lines += dataclass_of(message, [4, index], comments)
    return "\n".join(lines) + "\n"


def write_package_files(proto_folder, package):
    descriptors = describe_protocol(pathlib.Path(proto_folder))
    package.mkdir(parents=True, exist_ok=True)
    (package / "messages.py").write_text(messages_module(descriptors))
    for file in descriptors.file:
        file.ClearField("source_code_info")
    (package / "protocol.binpb").write_bytes(descriptors.SerializeToString())


if __name__ == "__main__":
    write_package_files(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
