"""How `tally` begins and ends under a clock that is wrong and calls that are interrupted: real programs under the preload
library. Begun by `make test`."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from powerloss_programs import Control, NoCompiler, Rig, build_shim


class EndingTests(unittest.TestCase):
    def setUp(self):
        self.rig = Rig("")
        self.addCleanup(self.rig.__exit__)
        try:
            self.rig.shim = build_shim(self.rig.path("shim.so"))
        except NoCompiler as reason:
            self.skipTest(str(reason))
        self.data = self.rig.path("gateway")
        os.makedirs(self.data)
        self.gateway = self.rig.serve(self.data).wait()
        self.rig.must("tallygate", "tenant", "create", "acme", more={"TALLYGATE_DATA": self.data})
        self.workstation = self.rig.workstation("laptop")
        self.workstation.generate(seed=1, calls=50)
        self.workstation.connect(self.data, "acme", "laptop")

    def test_a_stop_ends_though_the_clock_was_an_hour_ahead(self):
        """A wait for a time of day would last an hour: the kernel's own clock is that far behind the program's."""
        control = Control(self.rig.path("control"))
        for _ in range(3):
            program = self.workstation.start("run", extra={"TORTURE_CONTROL": control.path})
            while "connected to" not in program.text():
                self.assertTrue(program.is_running, program.text())
            control.set(clock_offset_ns=3_600_000_000_000)
            self.assertEqual(program.stop(), 0)
            control.set()

    def test_an_interrupted_open_is_tried_again(self):
        """Whichever open a signal interrupts, the command goes on."""
        for after in range(0, 60, 2):
            faults = {"TORTURE_FAULTS": "seed=1,most=1,eintr=1,after=%d" % after}
            program = self.workstation.start("sync", "--wait", "20", extra=faults)
            self.assertEqual(program.process.wait(60), 0, "after %d calls: %s" % (after, program.text()))


if __name__ == "__main__":
    unittest.main()
