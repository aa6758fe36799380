-- SPDX-License-Identifier: MIT
-- wrk's summary as one line that is easy to read back.
function done(summary, latency, requests)
	io.write(string.format("RESULT %d %d %.1f %.1f %.1f %d\n",
		summary.requests, summary.duration,
		latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
		summary.errors.connect + summary.errors.read + summary.errors.write +
		summary.errors.status + summary.errors.timeout))
end
