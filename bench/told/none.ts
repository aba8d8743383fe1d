// Before the proxy, in one bundle with it: nothing is counted, traced or logged, whatever else runs as it is shipped.
import { noTelemetry } from '../../proxy/exchange/telemetry-sink.ts'
import { Telemetry } from '../../proxy/telemetry/telemetry.ts'

Object.assign(Telemetry.prototype, noTelemetry)
