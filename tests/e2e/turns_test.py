"""Nothing that one client asks for keeps others from the engine, or goes on when nobody waits for it."""
import json
import pathlib
import time
import unittest

import grpc

import daemon
import reflection

FOR_EVER = 100000  # Candidates of a search, hours.
SHORT = dict(model="tiny-llama", prompt={"tokens": {"ids": [1, 2, 3]}}, max_tokens=2)


class TurnsTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def serve(self, *flags):
        server = daemon.Daemon(self.directory, "--model-root", self.directory, *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        client = reflection.Client(server.address)
        self.addCleanup(client.close)
        list(client.inference("Compile", model="tiny-llama"))
        return server, client

    def deep_model(self):
        """A directory of a model whose compilation and load take seconds."""
        path = pathlib.Path(self.directory) / "deep"
        path.mkdir()
        (path / "config.json").write_text(json.dumps({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1500,
            "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "max_position_embeddings": 64, "hidden_act": "silu", "tie_word_embeddings": True}))
        return str(path)

    def begin(self, client, phase, **fields):
        """A Compile that has come to the phase."""
        call = client.inference("Compile", **fields)
        self.addCleanup(call.cancel)
        for event in call:
            if event.progress.phase == phase:
                return call
        self.fail(f"no phase {phase}")

    def check_others_are_served(self, client, heavy):
        for _ in range(2):
            events = list(client.inference("Generate", **SHORT))
            self.assertTrue(events[-1].HasField("summary"))
        self.assertFalse(heavy.done())

    def test_a_search_lets_others_in(self):
        _, client = self.serve()
        search = self.begin(client, "search", model="tiny-qwen3", search_iterations=FOR_EVER)
        self.check_others_are_served(client, search)
        client.inference("Unload", model="tiny-llama")
        self.assertFalse(search.done())

    def test_a_compilation_and_a_load_let_others_in(self):
        _, client = self.serve()
        deep = self.deep_model()
        for phase in ("compile", "weights"):
            call = self.begin(client, phase, model=deep, weights="synthetic")
            events = list(client.inference("Generate", **SHORT))
            self.assertTrue(events[-1].HasField("summary"))
            self.assertFalse(call.done())
            call.cancel()

    def test_a_long_prompt_lets_others_in(self):
        _, client = self.serve()
        list(client.inference("Compile", model="tiny-gemma3", path="eager", dtype="float32"))

        def prompts():
            return [client.inference("Generate", model="tiny-gemma3", mode="sequential", max_tokens=1,
                                     prompt={"synthetic": {"tokens": 700, "seed": seed}}) for seed in range(2)]

        beside = prompts()
        self.check_others_are_served(client, beside[-1])
        first = [next(prompt).token.id for prompt in beside]
        alone = [next(prompt).token.id for prompt in prompts()]
        self.assertEqual(first, alone)

    def test_work_ends_soon_after_its_deadline(self):
        _, client = self.serve()
        heavy = [("Compile", dict(model="tiny-qwen3", search_iterations=FOR_EVER)),
                 ("Compile", dict(model=self.deep_model(), weights="synthetic"))]
        for name, fields in heavy:
            with self.assertRaises(grpc.RpcError) as raised:
                list(client.call("metronome.v1.Inference", name, fields, timeout=1))
            self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
            begun = time.monotonic()
            list(client.inference("Compile", model="tiny-llama", path="graph"))  # Waits for whatever loads.
            list(client.inference("Compile", model="tiny-llama"))
            self.assertLess(time.monotonic() - begun, 3)
        models = [m.key for m in client.inference("GetServerInfo").models]
        self.assertEqual(models, ["tiny-llama"])

    def test_the_server_limits_what_a_client_does_not(self):
        _, client = self.serve("--max-compile-seconds", "1", "--max-generation-seconds", "1")
        with self.assertRaises(grpc.RpcError) as raised:
            list(client.inference("Compile", model="tiny-qwen3", search_iterations=FOR_EVER))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertIn("Compile took longer than the server's limit of 1 s", raised.exception.details())
        self.assertEqual(client.inference("GetServerInfo").sessions, 0)

    def test_sigterm_ends_a_search(self):
        server, client = self.serve("--drain-seconds", "0")
        search = self.begin(client, "search", model="tiny-qwen3", search_iterations=FOR_EVER)
        server.terminate()
        self.assertEqual(server.wait(20), 0)
        self.assertIsNotNone(search.code())

    def test_forks_that_wait_beyond_their_deadline_leave_no_session(self):
        _, client = self.serve()
        session = client.inference("Prefill", model="tiny-llama", prompt={"tokens": {"ids": [1, 2, 3]}}).session
        run = client.benchmark("StartRun").run_id
        measured = client.benchmark("RunBenchmark", run_id=run, spec=dict(model="tiny-qwen3", iters=1000, decode_tokens=200))
        for event in measured:
            if event.progress.phase == "measure":
                break
        forks = [client.future("metronome.v1.Inference", "ForkSession", {"session": session}, timeout=0.05) for _ in range(50)]
        for fork in forks:
            self.assertEqual(fork.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        measured.cancel()
        list(client.inference("Generate", **SHORT))  # Behind all of them.
        self.assertEqual(client.inference("GetServerInfo").sessions, 1)


if __name__ == "__main__":
    unittest.main()
