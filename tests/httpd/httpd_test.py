#!/usr/bin/env python3
"""httpd_test.py HTTPD [NAME...]: what tools/examples/httpd promises, over real sockets.

Every server runs on a port of its own on 127.0.0.1 over a directory made for it. NAME: only
the tests whose name contains it. Prints a seed; HTTPD_TEST_SEED repeats a run."""
import sys
import unittest

sys.dont_write_bytecode = True

import content
import faults
import gate
import harness
import life


def main():
    if not harness.HTTPD:
        sys.exit(__doc__)
    print(f'seed {harness.SEED}')
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f'*{n}*' for n in sys.argv[2:]] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(m)
                               for m in (content, gate, life, faults))
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(suite)
    bad = result.failures + result.errors
    for test, _ in bad:
        print(f'FAIL {test.id()}')
    passed = result.testsRun - len(bad) - len(result.skipped)
    print(f'{max(passed, 0)} passed, {len(bad)} failed, {len(result.skipped)} skipped')
    sys.exit(1 if bad or not result.testsRun else 0)


main()
