import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { SYSTEM_PATH } from '../../../../local/requirements.ts'
import { API_PORT } from '../addresses.ts'
import type { InsideConfig, Restartable } from '../messages.ts'
import { ApiProbe, apiServerArgs, controllerManagerArgs, etcdArgs, schedulerArgs } from './control-plane.ts'
import { Daemon, untilTrue } from './daemon.ts'
import { mountSys, prepareMachine } from './machine.ts'
import { startWorker } from './worker.ts'

/** Milliseconds: long, because a machine with two processors may have others to serve. */
const START_LIMIT = 120_000

export interface InsideEvents {
  progress(line: string): void
  /** A program ended by itself. */
  died(message: string): void
}

/** A cluster in the namespaces of this process. */
export class Inside {
  readonly #config: InsideConfig
  readonly #events: InsideEvents
  readonly #daemons = new Map<string, Daemon>()

  constructor(config: InsideConfig, events: InsideEvents) {
    this.#config = config
    this.#events = events
  }

  /** Resolves when the API server is ready, with the namespace `default`'s service account; then the node and its DNS. */
  async start(): Promise<void> {
    const { state, mode } = this.#config
    const pki = join(state, 'pki')
    mkdirSync(join(state, 'log'), { recursive: true })
    await mountSys()
    await prepareMachine(state)
    const began = performance.now()
    const after = (what: string) =>
      this.#events.progress(`${what} after ${((performance.now() - began) / 1000).toFixed(1)} s`)
    this.#daemon('etcd', etcdArgs()).start()
    this.#daemon('kube-apiserver', apiServerArgs(pki, this.#config.apiServerFlags)).start()
    const worker =
      mode === 'node' ? startWorker(this.#config, (name, args) => this.#daemon(name, args)) : undefined
    worker?.catch(() => {})
    const probe = new ApiProbe(pki)
    await untilTrue('the API server', START_LIMIT, () => probe.get('/readyz'))
    after('API server ready')
    this.#daemon(
      'kube-controller-manager',
      controllerManagerArgs(pki, this.#kubeconfig('kube-controller-manager'), mode),
    ).start()
    if (mode === 'node')
      this.#daemon('kube-scheduler', schedulerArgs(this.#kubeconfig('kube-scheduler'))).start()
    await untilTrue('the first service account', START_LIMIT, () =>
      probe.get('/api/v1/namespaces/default/serviceaccounts/default'),
    )
    after('service accounts ready')
    if (!worker) return
    await (
      await worker
    )(probe, after)
  }

  /** Pipes what connects to a listening socket of the machine to the API server. */
  listen(server: Server): void {
    server.on('connection', (socket) => {
      const upstream = connect({ host: '127.0.0.1', port: API_PORT, noDelay: true })
      socket.setNoDelay(true)
      // When the API server goes its clients must see that, and the other way round.
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
        one.pipe(other)
      }
    })
  }

  async end(name: Restartable): Promise<void> {
    await this.#daemons.get(name)?.end(name === 'etcd' ? 'SIGTERM' : 'SIGKILL')
  }

  /** Resolves when it answers again. */
  async begin(name: Restartable): Promise<void> {
    this.#daemons.get(name)?.start()
    const probe = new ApiProbe(join(this.#config.state, 'pki'))
    await untilTrue(name, START_LIMIT, () => probe.get('/readyz'))
  }

  #kubeconfig(name: string): string {
    return join(this.#config.state, 'kubeconfig', name)
  }

  #daemon(name: string, args: readonly string[]): Daemon {
    const { state, directories } = this.#config
    const daemon = new Daemon(
      name,
      {
        argv: [name, ...args],
        log: join(state, 'log', `${name}.log`),
        env: { PATH: [...directories, SYSTEM_PATH].join(':'), HOME: '/run/home', LANG: 'C.UTF-8' },
      },
      (message) => this.#events.died(message),
    )
    this.#daemons.set(name, daemon)
    return daemon
  }
}
