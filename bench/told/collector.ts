// Takes what proxies tell and keeps nothing: the other end of the case `telemetry`. Says its port and, when asked, what came.
import { once } from 'node:events'
import { promisify } from 'node:util'
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js'
import { LogsService, MetricsService, TraceService } from '../../core/xds/generated/otlp.js'

const came = { spans: 0, reports: 0 }
const server = new Server()
const take =
  <Request>(count: (request: Request) => void): handleUnaryCall<Request, object> =>
  (call, callback) => {
    count(call.request)
    callback(null, {})
  }
server.addService(
  { export: TraceService.export },
  {
    export: take<Parameters<typeof TraceService.export.requestSerialize>[0]>(({ resourceSpans = [] }) => {
      for (const { scopeSpans = [] } of resourceSpans)
        for (const { spans = [] } of scopeSpans) came.spans += spans.length
    }),
  },
)
server.addService({ export: MetricsService.export }, { export: take(() => came.reports++) })
server.addService({ export: LogsService.export }, { export: take(() => {}) })
const bind = promisify(server.bindAsync.bind(server))
const port = await bind('127.0.0.1:0', ServerCredentials.createInsecure())
process.on('message', () => process.send?.(came))
process.send?.(port)
await once(process, 'disconnect')
process.exit(0)
