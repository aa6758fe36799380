#!/usr/bin/env python3
"""topo.py WEFT [HTTPD]: what `weft topo` shows of machines, and of processes, real and made up."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

WEFT, SERVER = sys.argv[1], sys.argv[2:]
SVG = '{http://www.w3.org/2000/svg}'
FOUR = 'pack:4 [numa(memory=16GB)] l3:1 core:16 pu:2'
results, skips = [], []
scratch = tempfile.TemporaryDirectory()


def topo(*args, before=(), **env):
    """(exit status, stdout, stderr) of the command."""
    p = subprocess.run([*before, WEFT, 'topo', *map(str, args)], capture_output=True, text=True,
                       timeout=60, check=False, env=dict(os.environ, **env))
    return p.returncode, p.stdout, p.stderr


def check(name, good, seen):
    """Count one test."""
    results.append(bool(good))
    if not good:
        print(f'FAIL tools/topo {name}: {seen}')


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)


def parsed(*args, **kw):
    rc, out, err = topo('--json', *args, **kw)
    return json.loads(out) if rc == 0 else {'error': err}


def find(tree, kind):
    """All objects of a type, with the types of those above."""
    def walk(o, above):
        if o['type'] == kind:
            yield o, above
        for c in o.get('children', []):
            yield from walk(c, above + [o['type']])
    return list(walk(tree, []))


def drawing(*args, **kw):
    """Rectangles and words of the SVG by class."""
    path = os.path.join(scratch.name, 'topo.svg')
    rc, _, err = topo('--svg', path, *args, **kw)
    boxes = {}
    for e in ET.parse(path).iter() if rc == 0 else ():
        if e.tag in (SVG + 'rect', SVG + 'text'):
            boxes.setdefault(e.get('class'), []).append(e)
    return boxes, err


def nested(boxes, inner, outer):
    """Each inner rectangle lies inside one of the outer, and none overlaps another inner."""
    def sides(e):
        x, y, w, h = (int(e.get(k)) for k in ('x', 'y', 'width', 'height'))
        return x, y, x + w, y + h
    ins, outs = ([sides(e) for e in boxes[c] if int(e.get('height')) > 12] for c in (inner, outer))
    inside = all(any(o[0] <= i[0] and o[1] <= i[1] and i[2] <= o[2] and i[3] <= o[3] for o in outs)
                 for i in ins)
    apart = all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
                for k, a in enumerate(ins) for b in ins[:k])
    return inside and apart


# ---- machines ----

def machines():
    here = parsed()
    cpus = {o['id'] for o, _ in find(here['machine'], 'cpu')}
    online = set()
    with open('/sys/devices/system/cpu/online', encoding='ascii') as f:
        for part in f.read().strip().split(','):
            first, _, last = part.partition('-')
            online |= set(range(int(first), int(last or first) + 1))
    check('shows_the_online_cpus', cpus == online, (cpus, online))
    allowed = {o['id'] for o, _ in find(here['machine'], 'cpu') if o['allowed']}
    check('marks_allowed_cpus', allowed == os.sched_getaffinity(0), allowed)
    one = min(allowed)
    less = parsed(before=['taskset', '-c', str(one)])
    check('sees_its_own_affinity', len(allowed) < 2 or
          [o['id'] for o, _ in find(less['machine'], 'cpu') if o['allowed']] == [one], less)

    four = parsed(HWLOC_SYNTHETIC=FOUR)['machine']
    n = {k: len(find(four, k)) for k in ('package', 'node', 'cache', 'core', 'cpu')}
    check('four_nodes_64_cores', n == {'package': 4, 'node': 4, 'cache': 4, 'core': 64, 'cpu': 128}, n)
    above = find(four, 'cpu')[0][1]
    check('boxes_in_order', above == ['machine', 'package', 'node', 'cache', 'core'], above)
    small = parsed(HWLOC_SYNTHETIC='pu:1')['machine']
    check('one_cpu', len(find(small, 'cpu')) == 1, small)
    wide = parsed(HWLOC_SYNTHETIC='pack:32 core:40 pu:1')['machine']
    check('more_than_1024_cpus', len(find(wide, 'cpu')) == 1280, len(find(wide, 'cpu')))
    cores = parsed(HWLOC_SYNTHETIC='pack:2 numa:2 pu:2')['machine']
    check('a_machine_that_tells_no_cores', {o['id'] for o, _ in find(cores, 'core')} == {None} and
          len(find(cores, 'core')) == 8, cores)


def tag(kind, number, cpus, mask, inner=(), **more):
    """One object in hwloc's XML: cpus are those online, mask is that of nodes."""
    tag.count += 1
    sets = {'os_index': number, 'cpuset': hex(cpus), 'complete_cpuset': hex(cpus),
            'nodeset': hex(mask), 'complete_nodeset': hex(mask), **more, 'gp_index': tag.count}
    text = ' '.join(f'{k}="{v}"' for k, v in sets.items())
    return [f'<object type="{kind}" {text}>', *inner, '</object>']


tag.count = 0


def odd_xml():
    """A node without CPUs, one without memory, a CPU offline, one not allowed, odd distances."""
    def package(i, memory):
        m = 1 << i
        return tag('Package', i, m, m, [*tag('NUMANode', i, m, m, local_memory=memory),
                                        *tag('PU', i, m, m)])
    machine = tag('Machine', 0, 3, 7, [
        *tag('NUMANode', 2, 0, 4, local_memory=1 << 30), *package(0, 2 << 30), *package(1, 0)],
        complete_cpuset='0xb', allowed_cpuset='0x1', allowed_nodeset='0x7')
    return '\n'.join(['<?xml version="1.0" encoding="UTF-8"?>',
                      '<!DOCTYPE topology SYSTEM "hwloc2.dtd">', '<topology version="2.0">', *machine,
                      '<distances2 type="NUMANode" nbobjs="3" kind="5" name="NUMALatency" indexing="os">',
                      '<indexes length="6">0 1 2 </indexes>',
                      '<u64values length="27">10 21 17 31 10 28 17 28 10 </u64values>',
                      '</distances2>', '</topology>', ''])


def odd_machine():
    path = os.path.join(scratch.name, 'odd.xml')
    write(path, odd_xml())
    odd = parsed(HWLOC_XMLFILE=path)
    if 'error' in odd:
        check('odd_machine_loads', False, odd)
        return
    node = {o['id']: o for o, _ in find(odd['machine'], 'node')}
    check('memory_only_node', node[2]['children'] == [] and node[2]['bytes'] == 1 << 30, node)
    check('node_without_memory', node[1]['bytes'] == 0 and len(find(node[1], 'cpu')) == 1, node)
    check('offline_cpu', odd['offline_cpus'] == [3], odd['offline_cpus'])
    cpu = {o['id']: o['allowed'] for o, _ in find(odd['machine'], 'cpu')}
    check('disallowed_cpu', cpu == {0: True, 1: False}, cpu)
    check('asymmetric_distances', odd['distances'] ==
          {'nodes': [0, 1, 2], 'rows': [[10, 21, 17], [31, 10, 28], [17, 28, 10]]},
          odd['distances'])
    _, text, _ = topo(HWLOC_XMLFILE=path)
    check('text_tells_it_all', 'offline: CPU 3' in text and '-CPU 1' in text and
          'no memory' in text and 'no CPUs' in text and re.search(r'^ +1 +31 +10 +28$', text, re.M),
          text)
    boxes, _ = drawing(HWLOC_XMLFILE=path)
    # one of them is the legend's
    check('drawing_marks_it', len(boxes['cpu off']) == 2 and len(boxes['node']) == 3 and
          any('offline: CPU 3' in ''.join(e.itertext()) for e in boxes['small']), boxes.keys())


def drawings():
    boxes, _ = drawing(HWLOC_SYNTHETIC=FOUR)
    n = {k: len(boxes[k]) for k in ('package', 'node', 'cache', 'core', 'cpu')}
    check('svg_has_each_box', n == {'package': 4, 'node': 4, 'cache': 4, 'core': 64, 'cpu': 128}, n)
    pairs = [('cpu', 'core'), ('core', 'cache'), ('cache', 'node'), ('node', 'package')]
    check('svg_boxes_are_nested', all(nested(boxes, *pair) for pair in pairs), pairs)
    _, to_stdout, _ = topo('--svg', '-', HWLOC_SYNTHETIC=FOUR)
    check('svg_to_stdout', ET.fromstring(to_stdout).tag == SVG + 'svg', to_stdout[:80])
    _, text, _ = topo(HWLOC_SYNTHETIC=FOUR, LC_ALL='C')
    lines = re.findall(r'^[ |`-]+core \d+ +CPU \d+ +CPU \d+$', text, re.M)
    check('text_one_line_a_core', len(lines) == 64 and text.isascii(), text)
    _, text, _ = topo(HWLOC_SYNTHETIC=FOUR, LC_ALL='C.UTF-8')
    check('text_no_trailing_blanks', '└─ package 3\n' in text and ' \n' not in text, text)


# ---- a real process ----

def read(path):
    with open(path, encoding='ascii', errors='replace') as f:
        return f.read()


def start_server():
    """The process, once it answers."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    env = dict(os.environ, WEFT_WORKERS='3', WEFT_STALL_MS='200')
    args = [*SERVER, '--root', scratch.name, '--port', str(port)]
    p = subprocess.Popen(args, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(500):
        try:
            socket.create_connection(('127.0.0.1', port), timeout=5).close()
            return p
        except OSError:
            time.sleep(0.02)
    p.kill()
    raise SystemExit('the server does not answer')


def tasks(pid):
    """{tid: (name, allowed CPUs)} of weft's threads, from /proc."""
    found = {}
    for tid in map(int, os.listdir(f'/proc/{pid}/task')):
        name = read(f'/proc/{pid}/task/{tid}/comm').strip()
        if name.startswith('weft/'):
            found[tid] = name, sorted(os.sched_getaffinity(tid))
    return found


def node_bytes(pid):
    """{node: bytes} of all mappings, from /proc."""
    found = {}
    for line in read(f'/proc/{pid}/numa_maps').splitlines():
        size = re.search(r'kernelpagesize_kB=(\d+)', line)
        for node, pages in re.findall(r' N(\d+)=(\d+)', line):
            found[node] = found.get(node, 0) + int(pages) * int(size.group(1)) * 1024
    return found


def memory_agrees(pid):
    """Whether the sum by nodes is what /proc says before and after; a sanitizer's threads of its own
    may touch pages in between, but not each time."""
    for _ in range(50):
        before, sums = node_bytes(pid), {}
        for m in parsed(pid)['process']['memory']:
            for node, n in m['bytes_by_node'].items():
                sums[node] = sums.get(node, 0) + n
        if before == node_bytes(pid):
            break
    return sums == before, (sums, before)


def real_process(pid):
    seen = parsed(pid)['process']
    told = {t['tid']: (t['name'], t['allowed_cpus']) for t in seen['workers']}
    check('workers_as_in_proc', told == tasks(pid) and
          {'weft/0', 'weft/1', 'weft/2', 'weft/monitor'} <= {n for n, _ in told.values()},
          (told, tasks(pid)))
    check('counts_threads', seen['threads'] == len(os.listdir(f'/proc/{pid}/task')), seen)
    check('last_cpu_is_one', all(0 <= t['last_cpu'] < os.cpu_count() for t in seen['workers']), seen)
    fds = [int(fd) for fd in os.listdir(f'/proc/{pid}/fd')
           if os.readlink(f'/proc/{pid}/fd/{fd}') == 'anon_inode:[io_uring]']
    check('rings_as_in_proc', [r['fd'] for r in seen['rings']] == sorted(fds) and
          len(fds) >= 3 and all(r['sq_entries'] == int(re.search(
              r'SqMask:\t0x(\w+)', read(f'/proc/{pid}/fdinfo/{r["fd"]}')).group(1), 16) + 1
              for r in seen['rings']), (seen['rings'], fds))
    if os.path.exists(f'/proc/{pid}/numa_maps'):
        check('memory_by_node_as_in_proc', *memory_agrees(pid))
        check('rings_have_memory', any(m['name'] == 'weft rings' and m['bytes_by_node']
                                       for m in seen['memory']), seen['memory'])
    check('tells_whether_there_are_names', seen['memory_has_names'], seen)
    kinds = {m['name'] for m in seen['memory']}
    wanted = {'weft stacks', 'weft worker 0', 'weft timers 1', 'weft buffers 2'}
    if '[anon:weft ' not in read(f'/proc/{pid}/maps'):  # neighbours may be one mapping
        kinds = {' '.join(kind.split()[:2]) for kind in kinds}
        wanted = {'weft stacks', 'weft worker', 'weft timers', 'weft buffers'}
    check('weft_memory_apart', wanted <= kinds, kinds)
    _, text, _ = topo(pid)
    check('text_places_workers', all(
        re.search(rf'CPU {cpus[0]} .*{name}\b', text) for name, cpus in told.values()
        if len(cpus) == 1), text)
    boxes, _ = drawing(pid)
    marks = [e for c, es in boxes.items() if c.startswith('worker') for e in es]
    check('drawing_has_a_mark_each', len(marks) == len(told), (len(marks), told))


# ---- a process made up, on four nodes ----

STAT = '{tid} ({name}) {state} 1 1 1 0 -1 64 0 0 0 0 {user} {system} 0 0 20 0 9 0 5 ' \
       '298389504 661 18446744073709551615 1 1 0 0 0 0 0 4096 6 0 0 0 -1 {cpu} 0 0 0 0 0\n'


def made_up():
    """The folder of processes, with process 70 in it."""
    proc = os.path.join(scratch.name, 'proc')
    hz = os.sysconf('SC_CLK_TCK')
    for tid, name, state, cpu, allowed in (
            (70, 'a)(<&" b', 'S', 9, '0-127'), (71, 'weft/0', 'R', 0, '0'),
            (72, 'weft/10', 'D', 97, '97'), (73, 'weft/2', 'S', 33, '32-63'),
            (74, 'weft/monitor', 'S', 0, '0-127'), (75, 'other', 'S', 1, '1')):
        write(f'{proc}/70/task/{tid}/stat', STAT.format(tid=tid, name=name, state=state, cpu=cpu,
                                                        user=3 * hz, system=hz))
        write(f'{proc}/70/task/{tid}/status', f'Name:\tx\nCpus_allowed_list:\t{allowed}\n')
    os.makedirs(f'{proc}/70/fd')
    os.symlink('anon_inode:[io_uring]', f'{proc}/70/fd/5')
    os.symlink('/dev/null', f'{proc}/70/fd/6')
    write(f'{proc}/70/fdinfo/5', 'SqMask:\t0x3f\nCqMask:\t0xff\nSQEs:\t2\nCQEs:\t1\nSqThread:\t88\n')
    write(f'{proc}/70/maps', ''.join(
        f'{a}-{b} rw-p 00000000 00:00 {inode} {name}\n' for a, b, inode, name in (
            ('1000', '5000', 0, '[anon:weft stacks]'), ('5000', '6000', 0, '[anon:weft worker 0]'),
            ('6000', '7000', 0, '[anon:weft worker 10]'), ('7000', '8000', 0, '[anon:mine]'),
            ('8000', '9000', 7, 'anon_inode:[io_uring]'), ('9000', 'a000', 0, ''))))
    write(f'{proc}/70/numa_maps', '1000 default anon=3 N0=2 N3=1 kernelpagesize_kB=4\n'
          '5000 bind:0 anon=1 N0=1 kernelpagesize_kB=4\n6000 bind:3 N3=1 kernelpagesize_kB=4\n'
          '7000 default file=/N9=1 N1=2 kernelpagesize_kB=2048\n'
          '8000 default file=anon_inode:[io_uring] N2=1 kernelpagesize_kB=4\n9000 default\n')
    return proc


def made_up_process():
    proc = made_up()
    seen = parsed('--proc', proc, 70, HWLOC_SYNTHETIC=FOUR)['process']
    check('names_states_and_times', [(t['name'], t['state'], t['last_cpu']) for t in
          seen['workers']] == [('weft/0', 'running', 0), ('weft/2', 'sleeping', 33),
                               ('weft/10', 'blocked', 97), ('weft/monitor', 'sleeping', 0)] and
          seen['workers'][0]['user_seconds'] == 3 and seen['workers'][0]['system_seconds'] == 1,
          seen['workers'])
    check('affinity_lists', seen['workers'][1]['allowed_cpus'] == list(range(32, 64)), seen)
    check('ring_figures', seen['rings'] == [{
        'fd': 5, 'sq_entries': 64, 'cq_entries': 256, 'sq_pending': 2, 'cq_pending': 1,
        'kernel_thread': 88}], seen['rings'])
    memory = {m['name']: m['bytes_by_node'] for m in seen['memory']}
    check('memory_by_name_and_node', memory == {
        'rest': {'1': 4 << 20}, 'weft rings': {'2': 4096}, 'weft stacks': {'0': 8192, '3': 4096},
        'weft worker 0': {'0': 4096}, 'weft worker 10': {'3': 4096}} and seen['memory_has_names'],
        memory)
    _, text, _ = topo('--proc', proc, 70, HWLOC_SYNTHETIC=FOUR, LC_ALL='C')
    check('text_of_it', re.search(r'core 48 +CPU 96 +CPU 97 +X weft/10$', text, re.M) and
          re.search(r'CPU 33 +o weft/2~', text) and 'no names' not in text and
          re.search(r'memory, weft worker +node 0: +4 KiB +node 3: +4 KiB$', text, re.M), text)
    boxes, err = drawing('--proc', proc, 70, HWLOC_SYNTHETIC=FOUR)
    check('drawing_of_it', len(boxes.get('worker blocked', [])) == 1 and
          len(boxes.get('worker sleeping loose', [])) == 2 and
          any('a)(<&" b' in e.text for e in boxes['title']), (boxes.keys(), err))
    check('drawing_places_them', nested(boxes, 'worker blocked', 'cpu') and
          nested(boxes, 'cpu', 'core'), 'overlap')
    return proc


# ---- bad input ----

def bad_input(proc, pid):
    def fails(name, status, what, *args, **kw):
        rc, out, err = topo(*args, **kw)
        check(name, rc == status and what in err and not out, (rc, out, err))
    fails('no_such_process', 1, 'there is no process', 2 ** 22 + 1)
    fails('not_a_weft_process', 1, 'runs no weft', os.getpid())
    fails('not_a_number', 2, 'usage', 'abc')
    fails('not_a_pid', 2, 'usage', '0')
    fails('two_processes', 2, 'usage', pid, pid)
    fails('unknown_option', 2, 'usage', '--jsno')
    fails('two_forms', 2, 'usage', '--json', '--svg', '-')
    fails('svg_needs_a_file', 2, 'usage', '--svg')
    fails('unwritable_file', 1, 'cannot write', '--svg', f'{scratch.name}/none/x.svg')
    fails('full_disk', 1, 'cannot write', '--svg', '/dev/full')
    fails('senseless_machine', 1, 'hwloc', HWLOC_SYNTHETIC='bogus:x')
    fails('missing_machine', 1, 'hwloc', HWLOC_XMLFILE='/none')
    os.remove(f'{proc}/70/maps')
    fails('half_a_process', 1, 'there is no process 70', '--proc', proc, 70)
    if os.geteuid() == 0:
        weak = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
                '--bounding-set=-all', '--inh-caps=-all']
        fails('of_another_user', 1, 'as its user or as root', pid, before=weak)
    else:
        skips.append('of_another_user: needs root')
    rc, text, _ = topo('--help')
    check('help', rc == 0 and '--svg' in text, text)


machines()
odd_machine()
drawings()
fake = made_up_process()
if SERVER:
    server = start_server()
    try:
        real_process(server.pid)
        bad_input(fake, server.pid)
    finally:
        server.kill()
        server.wait()
else:
    skips.append('a real process: httpd is not built')
for why in skips:
    print(f'skip: tools/topo {why}')
print(f'{sum(results)} passed, {len(results) - sum(results)} failed, {len(skips)} skipped')
sys.exit(0 if all(results) else 1)
