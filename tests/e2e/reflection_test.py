"""A foreign client, which learns the protocol from the daemon, uses it from Compile to tokens and from a run to its record."""
import threading
import unittest

import grpc

import daemon
import reflection

PROMPT = {"tokens": {"ids": [3, 141, 59, 26, 5]}}


class ForeignClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = daemon.temporary_directory()
        cls.server = daemon.Daemon(cls.directory.name).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.directory.cleanup()

    def setUp(self):
        self.client = reflection.Client(self.server.address)
        self.addCleanup(self.client.close)

    def compile(self, model="tiny-llama", **fields):
        return list(self.client.inference("Compile", model=model, dtype="float32", seed=7, **fields))[-1].model

    def test_services_are_listed(self):
        self.assertLessEqual({"metronome.v1.Inference", "metronome.v1.Benchmark", "grpc.health.v1.Health"},
                             set(self.client.services()))

    def test_health_is_serving(self):
        self.assertTrue(self.client.is_serving())

    def test_compile_prefill_decode(self):
        model = self.compile()
        self.assertEqual(model.weights_provenance, "synthetic:7")
        prefilled = self.client.inference("Prefill", model=model.key, prompt=PROMPT)
        decoded = list(self.client.inference("Decode", session=prefilled.session, max_tokens=7))
        tokens = [prefilled.first_token.id] + [event.token.id for event in decoded[:-1]]
        self.assertEqual(len(tokens), 8)
        self.assertEqual([event.token.position for event in decoded[:-1]], list(range(6, 13)))
        self.assertTrue(all(event.token.step_ns > 0 for event in decoded[:-1]))
        self.assertEqual(decoded[-1].summary.finish_reason, "length")
        self.client.inference("CloseSession", session=prefilled.session)

        generated = list(self.client.inference("Generate", model=model.key, prompt=PROMPT, max_tokens=8))
        self.assertEqual([event.token.id for event in generated[:-1]], tokens)
        self.assertGreater(generated[-1].summary.ttft_ms, 0)

    def test_errors_arrive_with_code_and_text(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.client.inference("Prefill", model="llama-9", prompt=PROMPT)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn("'llama-9'", caught.exception.details())

    def test_benchmark_run_is_recorded_with_samples(self):
        run = self.client.benchmark("StartRun", mode="latency", caller={"git_branch": "topic"}).run_id
        spec = dict(model="tiny-qwen3", iters=2, warmups=1, decode_tokens=4, prompt_tokens=9)
        events = list(self.client.benchmark("RunBenchmark", run_id=run, spec=spec))
        self.assertIn("measure", {event.progress.phase for event in events[:-1]})
        result = events[-1].result
        self.assertEqual(result.outcome, "ok", result.error_text)
        self.client.benchmark("FinishRun", run_id=run)
        stored = self.client.benchmark("GetRun", run_id=run)
        self.assertEqual(stored.state, "complete")
        self.assertEqual(list(stored.results), [result])
        self.assertEqual((len(result.samples), result.sample_count), (0, 2 + 2 + 2 * 2 * 3))
        first = self.client.benchmark("ListSamples", result_id=result.result_id, page_size=10)
        rest = self.client.benchmark("ListSamples", result_id=result.result_id, page_token=first.next_page_token)
        self.assertEqual((len(first.samples), len(rest.samples), rest.next_page_token), (10, 6, ""))
        self.assertIn(run, [listed.run_id for listed in self.client.benchmark("ListRuns").runs])

    def test_concurrent_clients_get_what_each_would_alone(self):
        model = self.compile()

        def generate(client, first):
            prompt = {"tokens": {"ids": [first, 141, 59, 26, 5]}}
            events = client.inference("Generate", model=model.key, prompt=prompt, max_tokens=40)
            return [event.token.id for event in events if event.HasField("token")]

        alone = [generate(self.client, first) for first in range(8)]
        together = [None] * 8

        def worker(first):
            client = reflection.Client(self.server.address)
            together[first] = generate(client, first)
            client.close()

        workers = [threading.Thread(target=worker, args=(first,)) for first in range(8)]
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join()
        self.assertEqual(together, alone)


if __name__ == "__main__":
    unittest.main()
