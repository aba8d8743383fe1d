import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ContainerSpec, PodSpec } from '../manifest/pod-spec.ts'
import { COMPILE_CACHE } from './container-root.ts'
import { effectiveCapabilities } from './container-command.ts'
import type { ContainerUser, Mount, Sandbox } from './container-command.ts'
import type { Image } from './images.ts'
import type { PodVolumes } from './volumes.ts'

const SCRATCH = ['/tmp', '/var/tmp', '/run']

/** The user of a container: its own setting, else the pod's, else root. */
export function containerUser(container: ContainerSpec, pod: PodSpec): ContainerUser {
  const { security } = container
  const uid = security.runAsUser ?? pod.runAsUser ?? 0
  return {
    uid,
    gid: security.runAsGroup ?? pod.runAsGroup ?? uid,
    groups: pod.fsGroup === undefined ? [] : [pod.fsGroup],
    capabilities: effectiveCapabilities(security.addCapabilities, security.dropCapabilities),
    noNewPrivileges: security.noNewPrivileges,
  }
}

export interface SandboxInput {
  readonly pod: PodSpec
  readonly container: ContainerSpec
  readonly image: Image
  readonly volumes: PodVolumes
  readonly networkNamespace: string
  readonly hostname: string
  readonly baseRoot: string
  /** The pod's own directory on the node's tmpfs. */
  readonly podDirectory: string
}

/** Lays out what a container mounts, and makes the places to mount on. */
export async function prepareSandbox(input: SandboxInput): Promise<Sandbox> {
  const { container, podDirectory, baseRoot } = input
  const own = join(podDirectory, 'containers', container.name)
  const root = join(own, 'root')
  await mkdir(root, { recursive: true })
  const mounts: Mount[] = []
  for (const target of SCRATCH) {
    const source = join(own, target.replaceAll('/', '_'))
    await mkdir(source, { recursive: true })
    await chmod(source, 0o1777)
    mounts.push({ source, target, readOnly: false })
  }
  mounts.push({ source: join(baseRoot, COMPILE_CACHE), target: COMPILE_CACHE, readOnly: false })
  for (const file of ['hosts', 'resolv.conf', 'hostname']) {
    mounts.push({ source: join(podDirectory, file), target: `/etc/${file}`, readOnly: true })
  }
  if (input.image.directory !== undefined) {
    mounts.push({ source: input.image.directory, target: '/app', readOnly: true })
  }
  for (const mount of container.mounts) {
    const volume = input.volumes.path(mount.volume)
    const source = mount.subPath === undefined ? volume : join(volume, mount.subPath)
    if (mount.subPath !== undefined && !(await isThere(source))) await mkdir(source, { recursive: true })
    const target = mount.path.replace(/\/+$/, '') || '/'
    mounts.push({ source, target: target.replace(/^\/var\/run(?=\/|$)/, '/run'), readOnly: mount.readOnly })
  }
  mounts.sort((a, b) => a.target.split('/').length - b.target.split('/').length)
  for (const [index, mount] of mounts.entries()) await makePlace(mount, mounts.slice(0, index), baseRoot)
  return {
    networkNamespace: input.networkNamespace,
    hostname: input.hostname,
    baseRoot,
    root,
    mounts,
    user: containerUser(container, input.pod),
    workingDirectory: container.workingDir ?? input.image.workingDirectory,
  }
}

/** Makes the place of a mount: in the mount that covers it, else in the base root. */
async function makePlace(mount: Mount, earlier: readonly Mount[], baseRoot: string): Promise<void> {
  const over = earlier.filter((other) => mount.target.startsWith(`${other.target}/`)).at(-1)
  const place = over
    ? join(over.source, mount.target.slice(over.target.length))
    : join(baseRoot, mount.target)
  if (await isThere(place)) return
  if ((await stat(mount.source)).isDirectory()) {
    await mkdir(place, { recursive: true })
  } else {
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, '')
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
