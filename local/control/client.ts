import type { Duplex } from 'node:stream'
import { Agent, request, upgrade } from 'undici'
import type { Dispatcher } from 'undici'
import type { CanaryRow } from '../../control-plane/canary/manifests/state-directory.ts'
import { WeftError } from '../../core/errors.ts'
import type { CommandResult } from '../node/run-command.ts'
import { followExec } from './exec-client.ts'
import type { ExecResult, ExecStreams } from './exec-client.ts'
import { EXEC_PROTOCOL } from './exec-frames.ts'
import type { ExecRequest } from './exec-frames.ts'
import type { NodeAction } from '../node/nodes.ts'
import { untilGone } from './until-gone.ts'
import type { ObjectEvent } from '../pod/events.ts'
import type { ClusterStatus, PodStatus } from './status.ts'

export interface LogOptions {
  readonly container?: string
  readonly follow?: boolean
  readonly tail?: number
  /** The run before the last one. */
  readonly previous?: boolean
}

/** Longer than a cluster takes whose pods do not end by themselves. */
const DOWN_PATIENCE_MS = 60_000

/** Talks to a cluster that runs, through its control socket. Errors carry the cluster's own words. */
export class ControlClient {
  readonly #socketPath: string
  readonly #agent: Agent

  constructor(socketPath: string) {
    this.#socketPath = socketPath
    this.#agent = new Agent({ connect: { socketPath }, headersTimeout: 0, bodyTimeout: 0 })
  }

  async status(): Promise<ClusterStatus> {
    return (await this.#json('GET', '/status')) as ClusterStatus
  }

  async pod(pod: string): Promise<PodStatus> {
    return (await this.#json('GET', `/pod?${new URLSearchParams({ pod }).toString()}`)) as PodStatus
  }

  /** The last events of pods and of what makes them, the eldest first. */
  async events(): Promise<ObjectEvent[]> {
    return (await this.#json('GET', '/events')) as ObjectEvent[]
  }

  /** Canaries that the control plane has looked at. */
  async canaries(): Promise<CanaryRow[]> {
    return (await this.#json('GET', '/canaries')) as CanaryRow[]
  }

  /** Asks a Canary for something, as control-plane/canary/requests.ts writes it. */
  async askCanary(namespace: string, name: string, request: string): Promise<void> {
    await this.#json('POST', '/canary', { namespace, name, request })
  }

  /** Ends the cluster; resolves once nothing of it is left. */
  async down(): Promise<void> {
    const { endsWith } = (await this.#json('POST', '/down', {})) as { endsWith: readonly number[] }
    await untilGone(endsWith, DOWN_PATIENCE_MS)
  }

  /** Ends a pod and waits until it has gone; its controller makes another. */
  async deletePod(pod: string, options: { graceSeconds?: number } = {}): Promise<void> {
    await this.#json('POST', '/delete', { pod, ...options })
  }

  /** Ends containers in order and starts them again at once. */
  async restart(pod: string, options: { container?: string; graceSeconds?: number } = {}): Promise<void> {
    await this.#json('POST', '/restart', { pod, ...options })
  }

  /** Sends a signal, SIGKILL unless said otherwise; gives the containers that had a process. */
  async kill(pod: string, options: { container?: string; signal?: NodeJS.Signals } = {}): Promise<string[]> {
    return ((await this.#json('POST', '/kill', { pod, ...options })) as { killed: string[] }).killed
  }

  /** From now on a container that ends stays down, until `release`. */
  async hold(pod: string, container?: string): Promise<void> {
    await this.#json('POST', '/hold', { pod, container, held: true })
  }

  async release(pod: string, container?: string): Promise<void> {
    await this.#json('POST', '/hold', { pod, container, held: false })
  }

  /**
   * Runs a command beside a container (its network, its files, its user) to its end, without input, and gives all that
   * it said. With `timeoutMs` it is killed after that; the code is then 124.
   */
  async exec(
    pod: string,
    argv: readonly string[],
    options: { container?: string; timeoutMs?: number } = {},
  ): Promise<CommandResult> {
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const { code } = await this.execStreams(
      { pod, argv, ...options },
      { stdout: (chunk) => stdout.push(chunk) > 0, stderr: (chunk) => stderr.push(chunk) > 0 },
    )
    const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('utf8')
    return { code, stdout: text(stdout), stderr: text(stderr) }
  }

  /** The same with input, and with output as it comes. Without `timeoutMs` it may take as long as it likes. */
  async execStreams(request: ExecRequest, streams: ExecStreams): Promise<ExecResult> {
    let socket: Duplex
    try {
      const upgraded = await upgrade('http://weft/exec', { dispatcher: this.#agent, protocol: EXEC_PROTOCOL })
      socket = upgraded.socket
    } catch (cause) {
      throw this.#notRunning(cause)
    }
    return followExec(socket, request, streams)
  }

  /** What a container said since it last started, as text chunks. Rejects when it has not, and tells why. */
  async *logs(pod: string, options: LogOptions = {}): AsyncGenerator<string> {
    const { follow = false, previous = false } = options
    const query = new URLSearchParams({ pod, follow: String(follow), previous: String(previous) })
    if (options.container !== undefined) query.set('container', options.container)
    if (options.tail !== undefined) query.set('tail', String(options.tail))
    const { body } = await this.#request('GET', `/logs?${query.toString()}`)
    const decoder = new TextDecoder()
    try {
      for await (const chunk of body) yield decoder.decode(chunk as Uint8Array, { stream: true })
    } catch (cause) {
      throw new WeftError('local.ended', 'the cluster has ended', { cause })
    }
  }

  /** Makes a node (`name` may be left out), empties it, cuts it off or has it back; gives its name. */
  async node(
    action: NodeAction,
    name: string | undefined,
    options: { zone?: string | undefined } = {},
  ): Promise<string> {
    return ((await this.#json('POST', '/node', { action, node: name, ...options })) as { node: string }).node
  }

  /**
   * Starts tcpdump on a pod's veth pair, or on all of `node` and its overlay. Without both: on all of them where there is
   * one node, else on the wire between the nodes. `stop` gives the path of the pcap file on this machine.
   */
  async capture(
    pod?: string,
    filter?: string,
    node?: string,
  ): Promise<{ file: string; stop(): Promise<string> }> {
    const { id, file } = (await this.#json('POST', '/capture', { pod, filter, node })) as {
      id: string
      file: string
    }
    return {
      file,
      stop: async () => ((await this.#json('DELETE', `/capture/${id}`)) as { file: string }).file,
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #json(method: Dispatcher.HttpMethod, path: string, body?: object): Promise<unknown> {
    const response = await this.#request(method, path, body)
    return response.body.json()
  }

  async #request(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: object,
  ): Promise<Dispatcher.ResponseData> {
    let response: Dispatcher.ResponseData
    try {
      response = await request(`http://weft${path}`, {
        method,
        dispatcher: this.#agent,
        ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
      })
    } catch (cause) {
      throw this.#notRunning(cause)
    }
    if (response.statusCode >= 400) {
      const { code, message } = (await response.body.json()) as { code: string; message: string }
      throw new WeftError(code, message)
    }
    return response
  }

  #notRunning(cause: unknown): WeftError {
    const message = `no cluster answers at ${this.#socketPath}: is it up?`
    return new WeftError('local.not_running', message, { cause })
  }
}
