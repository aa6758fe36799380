#!/usr/bin/env python3
"""Runs test programs of tests/lib under simulation (lib/weft/sim.h), each with several seeds.

usage: sim.py [--first N] [--seeds N] [--level N] PROGRAM...

What cannot be simulated is listed below, with the reason. Closes with the line of counts that
tools/check reads."""
import argparse
import os
import re
import subprocess
import sys

# A coroutine that keeps its worker and waits for what another worker does: here there is one
# thread, and it is not taken away from a coroutine.
HOG = 'a coroutine waits in a loop, without a call, for another worker'
SKIP = {
    'co/a_hog_does_not_keep_its_neighbours': HOG,
    'co/a_joiner_on_its_way_keeps_the_result': HOG,
    'fork/an_idle_worker_takes_it_from_a_hog': HOG,
    'class/all_classes_are_stolen': HOG,
    'fair/who_keeps_watch_passes_it_on': HOG,
    'class/only_latency_work_spins': 'spinning is off: nothing comes meanwhile',
    'class/batch_delays_latency_by_its_present_run': 'measures real time',
    'time/a_crowd_of_timers_is_fired_in_parts': 'counts what happens between two looks of a '
                                                'worker, and here it looks more often',
    'net/a_flooder_that_nobody_reads_leaves_buffers_for_others': 'counts streams that found no '
                                                                 'buffer, and here they do so at will',
    'move/goes_from_node_to_node_with_its_stack': 'there is no placement',
    'sync/a_signal_handler_is_heard': 'its signals come in real time',
    'group/a_group_is_bound': 'there is no placement',
    'scope/cancelled_at_any_moment': HOG,
    'scope/by_a_plain_thread_while_it_receives': 'a plain thread waits in a loop',
}
# Programs: adapt, place, rescue, stall. There is no placement, no monitor, no adapting.


def summary(text):
    """passed, failed tests of one run."""
    passed = len(re.findall(r'^\[PASS\]', text, re.M))
    failed = re.findall(r'^\[FAIL\] (\S+?):? ', text, re.M)
    return passed, failed


def run(program, seed, level):
    skip = '|'.join(SKIP)
    env = dict(os.environ, WEFT_SIM=f'{seed}:{level}')
    args = ['setarch', '-R', program, '--verbose', '--color=never', '-j1', '--filter', f'!({skip})']
    p = subprocess.run(args, env=env, text=True, errors='replace', stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=100)
    passed, failed = summary(p.stdout)
    if failed or p.returncode or not passed:
        print(p.stdout)
        for name in failed or ['(the program itself)']:
            print(f'FAIL {os.path.basename(program)} {name}: replay with '
                  f'WEFT_SIM={seed}:{level} setarch -R {program} --filter {name.replace("::", "/")}')
        return passed, max(1, len(failed))
    return passed, 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--first', type=int, default=1)
    p.add_argument('--seeds', type=int, default=4)
    p.add_argument('--level', type=int, default=1)
    p.add_argument('programs', nargs='+')
    a = p.parse_args()
    passed = failed = 0
    for program in a.programs:
        for seed in range(a.first, a.first + a.seeds):
            good, bad = run(program, seed, a.level)
            passed += good
            failed += bad
    print(f'{passed} passed, {failed} failed, 0 skipped')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
