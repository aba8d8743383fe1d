import { startCluster } from './cluster.ts'
import type { LocalCluster } from './cluster.ts'
import { FlagError, parseFlags } from './flags.ts'

interface UpFlags {
  readonly dirs: readonly string[]
  readonly name: string
  readonly stateDir: string | undefined
  readonly images: Readonly<Record<string, string>>
  readonly expose: readonly { target: string; hostPort: number }[]
  readonly mesh: boolean
}

/** `weft local up`: runs a cluster until it is told to end, by Ctrl-C or `weft local down`. */
export async function runUp(argv: readonly string[]): Promise<number> {
  const flags = parseUpFlags(argv)
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  const interrupted = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interrupted.resolve())
  const cluster = await startCluster({
    dirs: flags.dirs,
    name: flags.name,
    images: flags.images,
    mesh: flags.mesh,
    ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
    onProgress: (line) => console.log(line),
    onWarning: (line) => console.error(`warning: ${line}`),
  })
  let failed = false
  cluster.ready.then(
    () => announce(cluster, flags, seconds()),
    () => {},
  )
  for (const { target, hostPort } of flags.expose) {
    const port = await cluster.expose(target, hostPort)
    console.log(`${target} is at http://127.0.0.1:${port}`)
  }
  await Promise.race([
    interrupted.promise,
    cluster.closed.then(() => {
      failed = cluster.failure !== undefined
    }),
  ])
  await cluster.close()
  if (failed) console.error(`weft local up: ${cluster.failure}`)
  return failed ? 1 : 0
}

function announce(cluster: LocalCluster, flags: UpFlags, after: string): void {
  void cluster.status().then(({ pods }) => {
    const suffix = flags.name === 'weft' ? '' : ` --name ${flags.name}`
    console.log(
      `ready after ${after}: ${pods.length} pods. weft local status${suffix} shows them; Ctrl-C ends it all.`,
    )
  })
}

export function parseUpFlags(argv: readonly string[]): UpFlags {
  const { values, positionals } = parseFlags({
    args: [...argv],
    allowPositionals: true,
    options: {
      file: { type: 'string', short: 'f', multiple: true },
      name: { type: 'string', default: 'weft' },
      'state-dir': { type: 'string' },
      image: { type: 'string', multiple: true },
      expose: { type: 'string', multiple: true },
      'no-mesh': { type: 'boolean', default: false },
    },
  })
  if (positionals.length > 0) throw new FlagError(`\`${positionals[0]}\` is not expected`)
  const dirs = values.file ?? []
  if (dirs.length === 0) throw new FlagError('-f DIR is required')
  return {
    dirs,
    name: values.name,
    stateDir: values['state-dir'],
    images: Object.fromEntries((values.image ?? []).map(parseImage)),
    expose: (values.expose ?? []).map(parseExpose),
    mesh: !values['no-mesh'],
  }
}

function parseImage(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at <= 0 || at === text.length - 1) throw new FlagError(`--image ${text}: must be NAME=FOLDER`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function parseExpose(text: string): { target: string; hostPort: number } {
  const match = /^([a-z0-9-]+\.[a-z0-9-]+:\d{1,5})(?:=(\d{1,5}))?$/.exec(text)
  if (!match || Number(match[2] ?? 0) > 65535) {
    throw new FlagError(`--expose ${text}: must be service.namespace:port, with =HOSTPORT or without`)
  }
  return { target: match[1] ?? '', hostPort: Number(match[2] ?? 0) }
}
