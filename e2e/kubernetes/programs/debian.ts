import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeError } from '../../../core/errors.ts'
import { aptOfItsOwn } from '../../../release/debian.ts'
import { lack } from '../../programs/lack.ts'
import type { Progress } from '../../programs/progress.ts'
import { runStep } from '../../programs/run-step.ts'

interface DebianPackage {
  readonly name: string
  /** Newest first; the first whose program runs here (its libc may be too new) is taken. */
  readonly suites: readonly string[]
  /** Programs in it; the first is tried. */
  readonly programs: readonly string[]
  readonly tryWith: readonly string[]
}

const NEW = ['forky', 'trixie'] as const
const ALL = ['forky', 'trixie', 'bookworm'] as const

const PACKAGES: readonly DebianPackage[] = [
  { name: 'etcd-server', suites: NEW, programs: ['usr/bin/etcd'], tryWith: ['--version'] },
  { name: 'etcd-client', suites: NEW, programs: ['usr/bin/etcdctl'], tryWith: ['version'] },
  {
    name: 'containerd',
    // Kubernetes 1.36 asks the runtime for its cgroup driver, which containerd answers from 2.0.
    suites: ['forky'],
    programs: ['usr/bin/containerd', 'usr/bin/containerd-shim-runc-v2', 'usr/bin/ctr'],
    tryWith: ['--version'],
  },
  { name: 'runc', suites: ALL, programs: ['usr/sbin/runc'], tryWith: ['--version'] },
  {
    name: 'containernetworking-plugins',
    suites: ALL,
    programs: ['usr/lib/cni/ptp', 'usr/lib/cni/host-local', 'usr/lib/cni/portmap', 'usr/lib/cni/loopback'],
    tryWith: [],
  },
]

/**
 * Fetches and unpacks etcd, containerd, runc and the CNI plugins into `folder`, from newer Debian suites where they
 * run; nothing is installed, and apt's own lists stay as they are. Gives the versions.
 */
export async function unpackDebian(folder: string, progress: Progress): Promise<Record<string, string>> {
  const work = mkdtempSync(join(tmpdir(), 'weft-apt-'))
  try {
    progress('Debian: reading the lists of newer suites')
    const env = { ...process.env, APT_CONFIG: settingsOfApt(work) }
    try {
      await runStep(['apt-get', 'update', '-q'], { env })
    } catch (cause) {
      throw lack('the archive of Debian cannot be read', 'apt-get update must work', cause)
    }
    const versions: Record<string, string> = {}
    for (const wanted of PACKAGES) {
      versions[wanted.name] = await takeFirstThatRuns(wanted, folder, work, env)
      progress(`Debian: ${wanted.name} ${versions[wanted.name]}`)
    }
    return versions
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function settingsOfApt(work: string): string {
  try {
    return aptOfItsOwn(work, ALL)
  } catch (cause) {
    const cure = 'install etcd, containerd, runc and CNI plugins, and name their folder in KUBEBUILDER_ASSETS'
    throw lack(describeError(cause), cure, cause)
  }
}

async function takeFirstThatRuns(
  wanted: DebianPackage,
  folder: string,
  work: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const tried: string[] = []
  for (const suite of wanted.suites) {
    const here = mkdtempSync(join(work, `${wanted.name}-`))
    await runStep(['apt-get', 'download', '-q', `${wanted.name}/${suite}`], { cwd: here, env })
    const file = readdirSync(here).find((name) => name.endsWith('.deb')) as string
    await runStep(['dpkg-deb', '-x', join(here, file), join(here, 'root')])
    const [first = ''] = wanted.programs
    const ran = spawnSync(join(here, 'root', first), wanted.tryWith, {
      encoding: 'utf8',
      env: { CNI_COMMAND: 'VERSION' },
      input: '{"cniVersion":"1.0.0"}',
    })
    if (ran.status !== 0) {
      tried.push(`${suite}: ${ran.stderr.trim().split('\n')[0]}`)
      continue
    }
    for (const program of wanted.programs) {
      const target = join(folder, program.slice(program.lastIndexOf('/') + 1))
      copyFileSync(join(here, 'root', program), target)
    }
    return `${file.split('_')[1]} (${suite})`
  }
  throw lack(`no package ${wanted.name} runs here`, tried.join('; '))
}
