#!/usr/bin/env python3
"""sim.py WEFT PROGRAM: `weft sim` with tests/stress/simulated, right and broken, and without weft."""
import json
import subprocess
import sys

WEFT, PROGRAM = sys.argv[1:3]
results = []


def weft(*args):
    """(exit status, stdout, stderr) of weft sim."""
    p = subprocess.run([WEFT, 'sim', *args], capture_output=True, text=True, timeout=100, check=False)
    return p.returncode, p.stdout, p.stderr


def check(name, good, seen):
    """Count one test."""
    results.append(good)
    if not good:
        print(f'FAIL tools/sim {name}: {seen}')


RIGHT = [PROGRAM, '--plain', '--only', 'echoes']
BROKEN = [PROGRAM, '--plain', '--broken']

seen = weft('--seeds', '30', *RIGHT)
check('a_right_program_passes', seen[0] == 0 and '30 passed, 0 failed' in seen[1] and not seen[2], seen)

seen = weft('--json', '--seeds', '100', *BROKEN)
found = json.loads(seen[1])
check('a_mistake_is_found', seen[0] == 1 and 0 < found['failed'] < 100 and found['replayable'] and
      found['passed'] + found['failed'] == 100 == found['seeds'], seen)

failure = found['failures'][0]
command = failure['replay'].split()
again = subprocess.run([WEFT, *command[1:]], capture_output=True, text=True, timeout=100, check=False)
check('its_command_replays_it', again.returncode == 1 and again.stdout + again.stderr == failure['output'],
      (again, failure))

seen = weft('--stop', '--jobs', '1', '--seeds', '100', *BROKEN)
check('stops_at_the_first', seen[0] == 1 and ' 1 failed' in seen[1] and 'replay: weft sim --seed' in seen[1], seen)

seen = weft('--limit', '1', '--seeds', '1', '/bin/sleep', '100')
check('ends_what_takes_too_long', seen[0] == 1 and 'took too long' in seen[1], seen)

seen = weft('--seeds', '1', '/bin/true')
check('tells_when_nothing_was_simulated', 'without a simulation' in seen[2], seen)

seen = weft('--seeds', '1', '/nowhere/at-all')
check('tells_when_there_is_no_program', seen[0] == 1 and 'cannot run' in seen[1], seen)

seen = weft('--level', '3', *RIGHT)
check('nonsense_is_usage', seen[0] == 2 and 'usage:' in seen[2], seen)

print(f'{sum(results)} passed, {results.count(False)} failed, 0 skipped')
sys.exit(results.count(False) > 0)
