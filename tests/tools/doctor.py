#!/usr/bin/env python3
"""doctor.py WEFT: what `weft doctor` says of this machine, and of worse ones."""
import json
import os
import resource
import subprocess
import sys

WEFT = sys.argv[1]
results = []


def weft(*args, limits=(), **env):
    """(exit status, stdout, stderr) of the command; with limits: without privileges too."""
    def limit():
        for what, n in limits:
            resource.setrlimit(what, (n, n))
    weak = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
    p = subprocess.run([*(weak if limits and os.geteuid() == 0 else []), WEFT, *args],
                       capture_output=True, text=True, timeout=60, check=False,
                       env=dict(os.environ, **env), preexec_fn=limit)
    return p.returncode, p.stdout, p.stderr


def rows(*args, **kw):
    """The exit status and the rows of --json by their names."""
    rc, out, _ = weft('doctor', '--json', **kw)
    return rc, {row['name']: row for row in json.loads(out)['rows']}


def check(name, good, seen):
    """Count one test."""
    results.append(good)
    if not good:
        print(f'FAIL tools/doctor {name}: {seen}')


rc, here = rows()
check('runs_here', rc == 0 and here['io_uring']['state'] == 'ok', (rc, here['io_uring']))
cpus = len(os.sched_getaffinity(0))
check('counts_allowed_cpus', f'on {cpus} allowed' in here['workers']['value'], here['workers'])

rc, off = rows(WEFT_DISABLE='RECV_MULTI')
check('says_what_is_lost', rc == 0 and off['RECV_MULTI']['state'] == 'warning' and
      'one request per receive' in off['RECV_MULTI']['advice'], off['RECV_MULTI'])

rc, one = rows(WEFT_WORKERS='1')
check('honours_settings', one['workers']['value'].startswith('1,'), one['workers'])

rc, placed = rows(WEFT_PLACE='cpus:0')
check('shows_the_placement', 'cpus:0: workers on CPUs 0' in placed['placement']['value'], placed['placement'])
rc, near = rows(WEFT_PLACE='near:lo')
check('says_what_of_it_could_not_be_had', 'does not tell' in near['placement']['advice'], near['placement'])
rc, bad = rows(WEFT_PLACE='everywhere')
check('names_the_policies', rc == 1 and 'spread' in bad['io_uring']['advice'], bad['io_uring'])

bound = subprocess.run(['numactl', '-m', '0', WEFT, 'doctor', '--json'], capture_output=True, text=True,
                       timeout=60, check=False)
bound = {row['name']: row for row in json.loads(bound.stdout)['rows']}
check('shows_the_policy_from_outside', 'it wins' in bound['worker memory']['value'] and
      bound['NUMA']['state'] == 'note', (bound['worker memory'], bound['NUMA']))

rc, poor = rows(limits=[(resource.RLIMIT_MEMLOCK, 65536), (resource.RLIMIT_NOFILE, 256)])
check('warns_of_limits', rc == 0 and poor['locked memory']['state'] == 'warning' and
      poor['descriptors']['state'] == 'warning', poor)

rc, none = rows(limits=[(resource.RLIMIT_MEMLOCK, 4096)])
check('says_why_not', rc == 1 and none['io_uring']['state'] == 'failure' and
      'RLIMIT_MEMLOCK' in none['io_uring']['advice'], (rc, none['io_uring']))

rc, text, _ = weft('doctor')
check('text_has_the_same_rows', rc == 0 and all(name in text for name in here), text)
rc, text, _ = weft('--help')
check('help_names_commands', rc == 0 and 'doctor' in text, text)
rc, _, err = weft('docter')
check('unknown_command_is_an_error', rc == 2 and "'docter'" in err, (rc, err))
rc, _, err = weft('doctor', '--jsno')
check('unknown_option_is_an_error', rc == 2 and 'usage' in err, (rc, err))

print(f'{sum(results)} passed, {len(results) - sum(results)} failed, 0 skipped')
sys.exit(0 if all(results) else 1)
