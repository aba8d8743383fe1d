import { chmod } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { WeftError, describeError } from '../../core/errors.ts'
import type { CanaryDirectory } from '../../control-plane/canary/manifests/state-directory.ts'
import { inNamespace, UNDERLAY } from '../network/node-network.ts'
import type { Cluster } from '../node/cluster.ts'
import type { NodeAction, Nodes } from '../node/nodes.ts'
import type { ContainerRunner } from '../pod/container-runner.ts'
import type { PodRunner } from '../pod/pod-runner.ts'
import { Captures } from './capture.ts'
import { EXEC_PROTOCOL } from './exec-frames.ts'
import { serveExec } from './exec-session.ts'
import { containerTrouble } from './pod-word.ts'
import { readLog } from './read-log.ts'
import { podStatus } from './status.ts'
import type { ClusterStatus } from './status.ts'

export interface ControlDeps {
  readonly cluster: Cluster
  readonly nodes: Nodes
  /** Undefined without the mesh. */
  readonly canaries: CanaryDirectory | undefined
  readonly stateDirectory: string
  status(): ClusterStatus
  /** Begins the end. */
  down(): void
  /** Processes of the machine that are gone once it has ended. */
  readonly endsWith: readonly number[]
}

interface LogQuery {
  follow?: string
  tail?: string
  previous?: string
}

interface PodQuery {
  pod: string
  container?: string
}

/** The way in from other terminals and tests: HTTP over a unix socket that only its owner can open. */
export async function startControl(socketPath: string, deps: ControlDeps): Promise<FastifyInstance> {
  const { cluster } = deps
  const server = fastify({ logger: false, forceCloseConnections: true })
  const captures = new Captures(join(deps.stateDirectory, 'captures'))

  server.setErrorHandler((error, _request, reply) => {
    const code = error instanceof WeftError ? error.code : 'local.control'
    void reply.code(error instanceof WeftError ? 400 : 500).send({ code, message: describeError(error) })
  })

  server.get('/status', () => deps.status())

  server.post('/down', () => {
    setImmediate(() => deps.down())
    return { endsWith: deps.endsWith }
  })

  server.get<{ Querystring: PodQuery }>('/pod', ({ query }) => podStatus(cluster, cluster.find(query.pod)))

  server.get('/canaries', () => deps.canaries?.all() ?? [])

  server.post<{ Body: { namespace: string; name: string; request: string } }>('/canary', ({ body }) => {
    const { namespace, name, request } = body
    const found = deps.canaries?.all().some((one) => one.namespace === namespace && one.name === name)
    if (!found) throw new WeftError('local.no_canary', `there is no Canary ${namespace}/${name}`)
    deps.canaries?.ask(namespace, name, request)
    return {}
  })

  server.get('/events', () => cluster.events.all)

  server.get<{ Querystring: PodQuery & LogQuery }>('/logs', ({ query }, reply) => {
    const pod = cluster.find(query.pod)
    const container = containerOf(pod, query.container)
    const range = container.log(query.previous === 'true')
    if (!range) throw noLog(pod, container, query.previous === 'true')
    const { namespace, name } = pod.identity
    const file = join(deps.stateDirectory, 'logs', `${namespace}_${name}`, `${container.spec.name}.log`)
    const tail = query.tail === undefined ? undefined : Number(query.tail)
    const follow = query.follow === 'true' && range.to === undefined
    return reply.type('text/plain; charset=utf-8').send(readLog(file, { ...range, follow, tail }))
  })

  server.post<{ Body: PodQuery & { graceSeconds?: number } }>('/delete', async ({ body }) => {
    await cluster.remove(cluster.find(body.pod), body.graceSeconds)
    return {}
  })

  server.post<{ Body: PodQuery & { graceSeconds?: number } }>('/restart', ({ body }) => {
    const pod = cluster.find(body.pod)
    for (const container of chosen(pod, body.container)) container.restart((body.graceSeconds ?? 10) * 1000)
    return {}
  })

  server.post<{ Body: PodQuery & { signal?: string } }>('/kill', ({ body }) => {
    const pod = cluster.find(body.pod)
    const signal = body.signal ?? 'SIGKILL'
    if (!(signal in constants.signals)) throw new WeftError('local.signal', `\`${signal}\` is not a signal`)
    const killed = chosen(pod, body.container).filter((container) =>
      container.signal(signal as NodeJS.Signals),
    )
    return { killed: killed.map((container) => container.spec.name) }
  })

  server.post<{ Body: PodQuery & { held: boolean } }>('/hold', ({ body }) => {
    for (const container of chosen(cluster.find(body.pod), body.container)) container.hold(body.held)
    return {}
  })

  server.post<{ Body: { action: NodeAction; node?: string; zone?: string } }>('/node', async ({ body }) => {
    const { action, node, zone = '' } = body
    if (action === 'add') return { node: (await deps.nodes.add(node, zone)).name }
    await deps.nodes[action](node ?? '')
    return { node }
  })

  server.post<{ Body: { pod?: string; filter?: string; node?: string } }>('/capture', async ({ body }) => {
    const { pod, filter, node } = body
    if (node !== undefined) {
      const { namespace } = deps.nodes.find(node).network
      return captures.start('any', filter, inNamespace(namespace))
    }
    if (pod === undefined) return captures.start(deps.nodes.mode ? UNDERLAY.device : 'any', filter)
    const network = cluster.find(pod).network
    if (!network) throw new WeftError('local.no_network', `pod ${pod} has no network yet`)
    return captures.start(network.device, filter, inNamespace(network.node.namespace))
  })

  server.delete<{ Params: { id: string } }>('/capture/:id', ({ params }) => captures.stop(params.id))

  // Fastify closes only what still speaks HTTP.
  const commands = new Set<Duplex>()
  server.addHook('preClose', () => {
    for (const socket of commands) socket.destroy()
  })
  server.server.on('upgrade', (_request, socket: Duplex, head: Buffer) => {
    commands.add(socket)
    socket.on('close', () => commands.delete(socket))
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${EXEC_PROTOCOL}\r\n\r\n`,
    )
    serveExec(socket, head, ({ pod: reference, container, argv }) => {
      const pod = cluster.find(reference)
      return pod.execLine(containerOf(pod, container), argv)
    })
  })

  await server.listen({ path: socketPath })
  await chmod(socketPath, 0o600)
  return server
}

function noLog(pod: PodRunner, container: ContainerRunner, previous: boolean): WeftError {
  const which = `container ${container.spec.name} of pod ${pod.identity.name}`
  const trouble = containerTrouble(container.status) ?? pod.problem?.message ?? 'it waits for its turn'
  return previous && container.log(false)
    ? new WeftError('local.no_log', `${which} has run once only: there is no previous run`)
    : new WeftError('local.no_log', `${which} has not started: ${trouble}`)
}

/** The container that is meant: the one named, else the first app container. */
function containerOf(pod: PodRunner, name: string | undefined): ContainerRunner {
  if (name !== undefined) return pod.container(name)
  const first = pod.containers.find((container) => container.status.kind === 'app')
  if (!first)
    throw new WeftError(
      'local.no_container',
      `pod ${pod.identity.name} has no container yet: ${pod.problem?.message ?? 'it starts'}`,
    )
  return first
}

/** The container named, else all of the pod's. */
function chosen(pod: PodRunner, name: string | undefined): readonly ContainerRunner[] {
  return name === undefined
    ? pod.containers.filter((one) => one.status.kind !== 'init')
    : [pod.container(name)]
}
