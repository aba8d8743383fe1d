import { chmod, chown, lchown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import { bytesOf } from '../manifest/quantity.ts'
import type { PodSpec, Projection, VolumeSpec } from '../manifest/pod-spec.ts'
import { mustRun } from '../node/run-command.ts'
import type { ConfigSource } from './environment.ts'
import { fieldRef } from './field-ref.ts'
import type { PodFacts } from './field-ref.ts'

/** Issues a service account token for this pod. */
export type IssueToken = (request: {
  namespace: string
  serviceAccount: string
  pod: { name: string; uid: string }
  audience: string
  expirySeconds: number
}) => Promise<string>

export interface VolumeDeps {
  readonly configs: ConfigSource
  /** Where the directories of claims are. */
  readonly claimDirectory: string
  readonly issueToken: IssueToken
  /** Told about a refresh that failed. */
  warn(message: string): void
}

/** A token is renewed when four fifths of its life are over, as the kubelet does. */
const RENEW_AT = 0.8

/** The volumes of one pod as directories; tokens, ConfigMaps and Secrets in them are kept up to date. */
export class PodVolumes {
  readonly #directory: string
  readonly #spec: PodSpec
  readonly #pod: PodFacts
  readonly #deps: VolumeDeps
  readonly #timers = new Set<NodeJS.Timeout>()
  #closed = false

  constructor(directory: string, spec: PodSpec, pod: PodFacts, deps: VolumeDeps) {
    this.#directory = directory
    this.#spec = spec
    this.#pod = pod
    this.#deps = deps
  }

  /** The directory of a volume. */
  path(volume: string): string {
    const spec = this.#spec.volumes.find((own) => own.name === volume)
    if (spec?.type === 'hostPath') return spec.path
    if (spec?.type === 'claim') return join(this.#deps.claimDirectory, `${this.#pod.namespace}_${spec.claim}`)
    return join(this.#directory, 'volumes', volume)
  }

  async prepare(): Promise<void> {
    for (const volume of this.#spec.volumes) {
      if (volume.type === 'hostPath') continue
      const path = this.path(volume.name)
      await mkdir(path, { recursive: true })
      if (volume.type === 'emptyDir') await this.#prepareEmptyDir(volume, path)
      else if (volume.type === 'claim') await this.#open(path)
      else await this.#project(volume)
    }
  }

  /** Writes ConfigMaps, Secrets and the downward API again, where they changed. */
  async refresh(): Promise<void> {
    for (const volume of this.#spec.volumes) {
      if (volume.type !== 'projected' || this.#closed) continue
      for (const source of volume.sources)
        if (source.type !== 'token') await this.#projectSource(volume, source)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const volume of this.#spec.volumes) {
      if (volume.type === 'emptyDir' && volume.sizeLimit !== undefined) {
        await mustRun(['umount', '--lazy', this.path(volume.name)]).catch(() => {})
      }
    }
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #prepareEmptyDir(volume: VolumeSpec & { type: 'emptyDir' }, path: string): Promise<void> {
    // The whole tree is a tmpfs already; only a limit needs one of its own.
    if (volume.sizeLimit !== undefined) {
      const size = bytesOf(volume.sizeLimit) ?? 0
      await mustRun(['mount', '-t', 'tmpfs', '-o', `size=${size},mode=777,nosuid,nodev`, 'weft-volume', path])
    }
    await this.#open(path)
  }

  /** Lets whoever mounts it write. */
  async #open(path: string): Promise<void> {
    if (this.#spec.fsGroup !== undefined) await chown(path, 0, this.#spec.fsGroup)
    await chmod(path, this.#spec.fsGroup === undefined ? 0o777 : 0o2777)
  }

  async #project(volume: VolumeSpec & { type: 'projected' }): Promise<void> {
    await chmod(this.path(volume.name), 0o755)
    for (const source of volume.sources) await this.#projectSource(volume, source)
  }

  async #projectSource(volume: VolumeSpec & { type: 'projected' }, source: Projection): Promise<void> {
    const mode = volume.mode ?? 0o644
    if (source.type === 'token') {
      await this.#projectToken(volume, source)
    } else if (source.type === 'downwardAPI') {
      for (const item of source.items)
        await this.#write(volume, item.path, fieldRef(item.fieldPath, this.#pod), mode)
    } else {
      const { from, name } = source
      const missing = (lack: string) =>
        new WeftError('local.volume', `${from} \`${name}\` ${lack}`, { field: `volume ${volume.name}` })
      const object = this.#deps.configs(from, name)
      if (!object && !source.optional) throw missing('does not exist')
      const items = source.items ?? Object.keys(object?.data ?? {}).map((key) => ({ key, path: key }))
      for (const { key, path } of items) {
        const value = object?.data[key]
        if (value !== undefined) await this.#write(volume, path, value, mode)
        else if (!source.optional) throw missing(`has no key \`${key}\``)
      }
    }
  }

  async #projectToken(
    volume: VolumeSpec & { type: 'projected' },
    source: Projection & { type: 'token' },
  ): Promise<void> {
    const token = await this.#deps.issueToken({
      namespace: this.#pod.namespace,
      serviceAccount: this.#pod.serviceAccount,
      pod: { name: this.#pod.name, uid: this.#pod.uid },
      audience: source.audience,
      expirySeconds: source.expirySeconds,
    })
    if (this.#closed) return
    const owner = this.#onlyUser(volume.name)
    await this.#write(volume, source.path, token, owner === undefined ? 0o644 : 0o600, owner)
    const again = (afterMs: number) => {
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer)
          this.#projectToken(volume, source).catch((error: unknown) => {
            this.#deps.warn(`token of ${this.#pod.namespace}/${this.#pod.name} not renewed: ${String(error)}`)
            if (!this.#closed) again(1000)
          })
        },
        Math.min(afterMs, 0x7fffffff),
      )
      this.#timers.add(timer)
    }
    again(source.expirySeconds * 1000 * RENEW_AT)
  }

  /** The user that alone mounts a volume, so that nobody else need read it. */
  #onlyUser(volume: string): number | undefined {
    const users = new Set(
      [...this.#spec.initContainers, ...this.#spec.containers]
        .filter((container) => container.mounts.some((mount) => mount.volume === volume))
        .map((container) => container.security.runAsUser ?? this.#spec.runAsUser ?? 0),
    )
    return users.size === 1 ? [...users][0] : undefined
  }

  /** Replaces a file as a whole, so that no reader sees half of it. */
  async #write(
    volume: VolumeSpec,
    path: string,
    content: string | Buffer,
    mode: number,
    owner?: number,
  ): Promise<void> {
    const target = join(this.path(volume.name), path)
    const before = await readFile(target).catch(() => undefined)
    if (before?.equals(Buffer.from(content))) return
    await mkdir(dirname(target), { recursive: true })
    const temporary = `${target}.new`
    await rm(temporary, { force: true })
    await writeFile(temporary, content, { mode: 0o600 })
    if (owner !== undefined) await lchown(temporary, owner, owner)
    await chmod(temporary, mode)
    await rename(temporary, target)
  }
}
