import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import t from 'tap'
import { Status } from '../../core/xds/generated/envoy.js'
import { LogsService, TraceService, type ExportTraceServiceResponse } from '../../core/xds/generated/otlp.js'
import { RetryInfo } from '../../core/xds/generated/weft.js'
import { ExportDelayed, ExportRefused } from './exporter.ts'
import { createGrpcExporter } from './grpc-exporter.ts'

type Answer =
  | { readonly response: ExportTraceServiceResponse }
  | { readonly code: number; readonly delayMs?: number }

t.test('what a collector answers decides what becomes of a batch', async (t) => {
  let answer: Answer = { response: {} }
  const server = new Server()
  server.addService(
    { ...TraceService },
    {
      export: (_call: unknown, callback: (error: object | null, response?: object) => void) => {
        if ('response' in answer) return callback(null, answer.response)
        const { code, delayMs } = answer
        const metadata = new Metadata()
        if (delayMs !== undefined) {
          const value = RetryInfo.encode({ retryDelay: delayMs })
          const details = [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value }]
          metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code, details })))
        }
        callback({ code, details: 'no', metadata })
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  const exporter = createGrpcExporter({
    client: new Client(`127.0.0.1:${port}`, credentials.createInsecure()),
  })
  t.teardown(() => {
    exporter.close()
    server.forceShutdown()
  })
  const ended = async (given: Answer): Promise<unknown> => {
    answer = given
    return exporter.traces(new Uint8Array(0)).then(
      () => 'taken',
      (error: unknown) => error,
    )
  }
  t.equal(await ended({ response: {} }), 'taken')
  t.equal(
    await ended({ response: { partialSuccess: { rejectedSpans: 0n, errorMessage: 'slow down' } } }),
    'taken',
  )
  t.match(await ended({ response: { partialSuccess: { rejectedSpans: 4n } } }), { rejected: 4 })
  const { RESOURCE_EXHAUSTED, UNAVAILABLE, INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED, UNAUTHENTICATED } =
    status
  for (const code of [INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED, RESOURCE_EXHAUSTED])
    t.ok((await ended({ code })) instanceof ExportRefused, status[code])
  for (const code of [UNAVAILABLE, UNAUTHENTICATED]) {
    const error = await ended({ code })
    t.notOk(error instanceof ExportRefused, status[code])
    t.match(error, { code })
  }
  for (const code of [UNAVAILABLE, RESOURCE_EXHAUSTED]) {
    const error = await ended({ code, delayMs: 2500 })
    t.ok(error instanceof ExportDelayed)
    t.match(error, { delayMs: 2500 })
  }
  const missing: unknown = await exporter.logs?.({ resourceLogs: [] }).catch((error: unknown) => error)
  t.ok(missing instanceof ExportRefused, `${LogsService.export.path} is not there`)
})
