import { freePort } from '../../../core/testing/free-ports.ts'
import { startPair } from '../../pair/testing/pair.ts'
import { runCommand, verdictOf } from '../command.ts'
import { startServer } from '../server-process.ts'
import type { Case, Run, Suite, Verdict } from '../suite.ts'

// grpc.io's own cases (doc/interop-test-descriptions.md) by its own clients and servers; without those that need a cloud's
// credentials, and cacheable_unary, which needs a cache in between.

const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'rpc_soak',
  'channel_soak',
  'orca_per_rpc',
  'orca_oob',
]
/** The client of Go asks for the server's name in it, which the servers of Go and Java do not say. */
const PICK_FIRST = 'pick_first_unary'
/** These the client of Go does not have. The server of Java knows no probes: it takes what says it is compressed. */
const COMPRESSED = [
  'client_compressed_unary_noprobe',
  'server_compressed_unary',
  'client_compressed_streaming_noprobe',
  'server_compressed_streaming',
]
const LIMIT_S = 60
/** The soak cases are about calls that fail; how long one may take is for machines with nothing else to do. */
const SOAK_LATENCY_MS = 20_000
/** The ORCA cases ask for it, pick_first_unary for none. */
const serviceConfig = (name: string): readonly string[] =>
  name.startsWith('orca_')
    ? ['--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}']
    : []

type Client = (run: Run, name: string, port: number) => readonly string[]
type Server = (run: Run, port: number) => readonly string[]

const goClient: Client = (run, name, port) => [
  `${run.folder('interop-grpc-go')}/client`,
  '--server_host=127.0.0.1',
  `--server_port=${port}`,
  `--test_case=${name}`,
  ...serviceConfig(name),
  `--soak_per_iteration_max_acceptable_latency_ms=${SOAK_LATENCY_MS}`,
  `--soak_overall_timeout_seconds=${LIMIT_S}`,
]
const goServer: Server = (run, port) => [`${run.folder('interop-grpc-go')}/server`, `--port=${port}`]

// Little of it runs twice: the first compiler does.
const java = (run: Run, main: string): readonly string[] => [
  'java',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Xmx256m',
  '-cp',
  `${run.folder('interop-grpc-java')}/*`,
  `io.grpc.testing.integration.${main}`,
]
const javaClient: Client = (run, name, port) => [
  ...java(run, 'TestServiceClient'),
  '--server_host=127.0.0.1',
  `--server_port=${port}`,
  '--use_tls=false',
  `--test_case=${name}`,
  ...serviceConfig(name),
  `--soak_per_iteration_max_acceptable_latency_ms=${SOAK_LATENCY_MS}`,
  `--soak_overall_timeout_seconds=${LIMIT_S}`,
]
const javaServer: Server = (run, port) => [
  ...java(run, 'TestServiceServer'),
  `--port=${port}`,
  '--use_tls=false',
]

function grpcSuite(
  suite: Pick<Suite, 'name' | 'title' | 'parts'>,
  client: Client,
  server: Server,
  cases: readonly string[],
): Suite {
  return {
    ...suite,
    async run(run) {
      const app = await freePort()
      await startServer(run, server(run, app), app)
      const pair = await startPair(run.t, [{ name: 'grpc', kind: 'http', app, appProtocol: 'http2' }], run)
      const ran: Case[] = []
      for (const name of cases) {
        const at = async (port: number): Promise<Verdict> =>
          verdictOf(await runCommand(client(run, name, port), { limit: LIMIT_S, stopped: run.stopped }))
        if (run.stopped.aborted) break
        ran.push({ name, direct: await at(app), pair: await at(pair.port('grpc')) })
        run.progress(`${ran.length} of ${cases.length}: ${name}`)
      }
      return ran
    },
  }
}

export const GRPC_GO = grpcSuite(
  { name: 'grpc-go', title: "gRPC's interop cases, client and server of Go", parts: ['interop-grpc-go'] },
  goClient,
  goServer,
  CASES,
)
export const GRPC_JAVA = grpcSuite(
  { name: 'grpc-java', title: 'the same of Java, and compression', parts: ['interop-grpc-java'] },
  javaClient,
  javaServer,
  [...CASES, PICK_FIRST, ...COMPRESSED],
)
export const GRPC_CROSS = grpcSuite(
  {
    name: 'grpc-cross',
    title: 'the client of Go with the server of Java',
    parts: ['interop-grpc-go', 'interop-grpc-java'],
  },
  goClient,
  javaServer,
  CASES,
)
