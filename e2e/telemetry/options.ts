import { COLLECTOR, GRAFANA_TYPES, JAEGER } from './programs.ts'

/** What `--help` prints. */
export const HELP = `usage: npm run test:telemetry [-- OPTION...]

Has a real Prometheus, Jaeger and Collector take what a mesh on this machine tells of known traffic, holds every count to it,
and asks Prometheus all that the boards and rules of deploy/observability/ ask.

  Prometheus     of this Debian
  Jaeger         ${JAEGER}
  Collector      ${COLLECTOR}, by OpenTelemetry's builder
  Grafana        its types of dashboards, ${GRAFANA_TYPES}: no Grafana runs

  --check  make and run nothing; say which are in the cache, and exit with 3 if one is not
  --json   one object on standard output: {ok, seconds, steps: [{name, ok, expected, observed}]}
  --help   this text

They are fetched, and built from their Go modules, into a cache the first time, which takes many minutes. It needs Linux,
Go 1.26 or newer, and what \`weft local up\` needs.
Exit: 0 all as expected, 1 not, 2 for wrong use, 3 something cannot be had here (it says what).`
