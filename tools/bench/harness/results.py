# SPDX-License-Identifier: MIT
"""Samples by (bench, case, system, metric): JSON lines, or a table with paired ratios."""

import json
import statistics

# metric: (unit, which way is better)
METRICS = {
    "ns_per_op": ("ns", "low"),
    "first_ms": ("ms", "low"),
    "ms": ("ms", "low"),
    "instructions_per_op": ("instructions", "low"),
    "bytes_per_coroutine": ("B", "low"),
    "bytes_per_idle_connection": ("B", "low"),
    "create_ns_per_coroutine": ("ns", "low"),
    "switches_per_second": ("1/s", "low"),
    "cpu_us_per_second": ("us", "low"),
    "rearm_ns_per_timer": ("ns", "low"),
    "cancel_ns_per_timer": ("ns", "low"),
    "work_share": ("ratio", "high"),
    "retire_ms": ("ms", "low"),
    "answer_ms": ("ms", "low"),
    "wake_ups": ("1", "low"),
    "rps": ("1/s", "high"),
    "p50_us": ("us", "low"),
    "p99_us": ("us", "low"),
    "p999_us": ("us", "low"),
    "worst_us": ("us", "low"),
    "server_us_per_request": ("us", "low"),
    "requests_per_server_core_second": ("1/s", "high"),
    "user_share": ("ratio", "low"),
    "syscalls_per_request": ("1", "low"),
    "remote_msgs_per_request": ("1", "low"),
    "steals_per_request": ("1", "low"),
    "mb_per_second": ("MB/s", "high"),
    "rate": ("1/s", "high"),
    "switches": ("1", "low"),
    "steals_near": ("1", "low"),
    "steals_node": ("1", "low"),
    "steals_remote": ("1", "low"),
    "runs_remote": ("1", "low"),
    "wakes": ("1", "low"),
    "cpu_ms": ("ms", "low"),
}

OURS = "weft"


class Results:
    def __init__(self, as_json):
        self.as_json = as_json
        self.samples = {}  # (bench, case) -> metric -> system -> [(round, value)]

    def add(self, bench, case, system, metric, value, round_=0):
        if value is None:
            return
        by_metric = self.samples.setdefault((bench, case), {})
        by_metric.setdefault(metric, {}).setdefault(system, []).append((round_, value))

    def finish(self, bench):
        """Print all that was gathered for one benchmark."""
        for (b, case), metrics in self.samples.items():
            if b != bench:
                continue
            if self.as_json:
                self._print_json(b, case, metrics)
            else:
                self._print_table(b, case, metrics)
        self.samples = {k: v for k, v in self.samples.items() if k[0] != bench}

    @staticmethod
    def _print_json(bench, case, metrics):
        for metric, systems in metrics.items():
            unit, better = METRICS[metric]
            for system, pairs in systems.items():
                values = [v for _, v in pairs]
                o = {"bench": bench, "system": system, "metric": metric, "unit": unit,
                     "better": better, "median": round(statistics.median(values), 4),
                     "min": round(min(values), 4), "max": round(max(values), 4),
                     "n": len(values)}
                if case:
                    o["case"] = case
                print(json.dumps(o), flush=True)

    @staticmethod
    def _print_table(bench, case, metrics):
        print(f"\n{bench}{': ' + case if case else ''}")
        for metric, systems in metrics.items():
            unit, better = METRICS[metric]
            head = f"{metric} ({unit}, {better} is better)"
            print(f"  {head:<52}{'median':>12}{'min':>12}{'max':>12}{'n':>4}   weft / it")
            ours = dict(systems.get(OURS, []))
            for system, pairs in systems.items():
                values = [v for _, v in pairs]
                # One ratio a round: what drifts with the machine cancels out.
                ratios = [ours[r] / v for r, v in pairs if r in ours and v]
                ratio = f"{statistics.median(ratios):.2f}" if ratios else "-"
                print(f"    {system:<50}{number(statistics.median(values)):>12}"
                      f"{number(min(values)):>12}{number(max(values)):>12}"
                      f"{len(values):>4}   {'' if system == OURS else ratio}")


def number(v):
    if v >= 1000:
        return f"{v:,.0f}"
    return f"{v:.1f}" if v >= 100 else f"{v:.2f}" if v >= 1 else f"{v:.4f}"
