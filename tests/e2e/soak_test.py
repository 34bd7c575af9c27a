"""The soak's verdict, and a short soak."""
import random
import unittest

import daemon
import soak
from plateau import has_plateau


class PlateauTest(unittest.TestCase):
    def verdict(self, samples):
        return has_plateau(samples, relative=0.05, absolute=8)

    def test_a_level_after_warming_up_passes(self):
        self.assertTrue(self.verdict([min(100 + 20 * i, 400) for i in range(90)]))

    def test_noise_and_single_peaks_pass(self):
        noise = random.Random(1)
        samples = [400 + noise.uniform(-30, 30) for _ in range(90)]
        samples[80] = 3000
        self.assertTrue(self.verdict(samples))

    def test_a_steady_rise_is_seen(self):
        noise = random.Random(2)
        self.assertFalse(self.verdict([200 + 2 * i + noise.uniform(-30, 30) for i in range(90)]))

    def test_a_late_step_is_seen(self):
        self.assertFalse(self.verdict([200] * 65 + [300] * 25))

    def test_a_step_while_warming_up_is_none(self):
        self.assertTrue(self.verdict([200] * 20 + [300] * 70))

    def test_too_few_samples_are_no_verdict(self):
        with self.assertRaises(ValueError):
            self.verdict([1] * 8)


class ShortSoakTest(unittest.TestCase):
    def test_mixed_traffic_leaves_a_daemon_as_it_was(self):
        with daemon.temporary_directory() as directory, daemon.Daemon(directory, "--session-idle-seconds", "30") as server:
            count, failures, taken = soak.soak(server, seconds=9, workers=3, seed=0, samples=45)
            self.assertEqual(failures, [])
            self.assertGreater(sum(count.values()), 20)
            # Nine seconds are warming up for memory; what is opened for each call shows at once.
            for name in ("descriptors", "threads"):
                self.assertTrue(has_plateau([sample[name] for sample in taken], *soak.TOLERANCES[name]), taken)
            server.terminate()
            self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
