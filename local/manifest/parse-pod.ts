import { Fields, invalid } from './fields.ts'
import type { Warn } from './fields.ts'
import { parseContainer } from './parse-container.ts'
import { bytesOf } from './quantity.ts'
import type { KeyPath, PodSpec, Projection, VolumeSpec } from './pod-spec.ts'

const UNDERSTOOD = [
  'serviceAccountName',
  'serviceAccount',
  'restartPolicy',
  'terminationGracePeriodSeconds',
  'securityContext',
  'hostname',
  'subdomain',
  'nodeName',
  'nodeSelector',
  'hostAliases',
  'initContainers',
  'containers',
  'volumes',
]
const HARMLESS = [
  'automountServiceAccountToken',
  'affinity',
  'tolerations',
  'topologySpreadConstraints',
  'priorityClassName',
  'imagePullSecrets',
  'schedulerName',
  'enableServiceLinks',
  'dnsPolicy',
  'preemptionPolicy',
  'priority',
  'readinessGates',
  // Told once a pod.
  'resources',
]

const NO_PATHS: ReadonlySet<string> = new Set()

/**
 * The spec of a pod or of a pod template. Throws a WeftError that names the field. `hostPaths` are the directories of
 * the machine that it may mount: those of the mesh's own pods, nobody else's. Source: API v1, PodSpec.
 */
export function parsePodSpec(
  value: unknown,
  path: string,
  warn: Warn,
  hostPaths: ReadonlySet<string> = NO_PATHS,
): PodSpec {
  const fields = new Fields(value, path, warn)
  fields.only(UNDERSTOOD, HARMLESS)
  warnOfResources(fields)
  const restartPolicy = fields.string('restartPolicy') ?? 'Always'
  if (restartPolicy !== 'Always' && restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    throw invalid(fields.at('restartPolicy'), 'must be Always, OnFailure or Never')
  }
  const security = fields.child('securityContext')
  security?.only(
    ['runAsUser', 'runAsGroup', 'fsGroup'],
    ['runAsNonRoot', 'seccompProfile', 'fsGroupChangePolicy', 'seLinuxOptions', 'appArmorProfile'],
  )
  const spec: PodSpec = {
    serviceAccountName: fields.string('serviceAccountName') || fields.string('serviceAccount') || 'default',
    restartPolicy,
    terminationGraceSeconds: fields.integer('terminationGracePeriodSeconds') ?? 30,
    runAsUser: security?.integer('runAsUser'),
    runAsGroup: security?.integer('runAsGroup'),
    fsGroup: security?.integer('fsGroup'),
    hostname: fields.string('hostname'),
    subdomain: fields.string('subdomain'),
    nodeName: fields.string('nodeName') || undefined,
    nodeSelector: fields.textMap('nodeSelector'),
    hostAliases: fields.list('hostAliases').map((alias) => ({
      ip: alias.requiredString('ip'),
      hostnames: alias.strings('hostnames') ?? [],
    })),
    initContainers: fields.list('initContainers').map((container) => parseContainer(container, true)),
    containers: fields.list('containers').map((container) => parseContainer(container, false)),
    volumes: fields.list('volumes').map((volume) => parseVolume(volume, hostPaths)),
  }
  check(spec, fields)
  return spec
}

/** Containers are processes without limits of their own: told once, however many ask for some. */
function warnOfResources(fields: Fields): void {
  const asking = [fields, ...fields.list('initContainers'), ...fields.list('containers')].filter((one) =>
    Object.values(one.child('resources')?.raw ?? {}).some(
      (amounts) => typeof amounts === 'object' && amounts !== null && Object.keys(amounts).length > 0,
    ),
  )
  const others = asking.length > 1 ? ', and so it is of its other containers' : ''
  asking[0]?.warn('resources', `is ignored on one machine, which limits no CPU and no memory${others}`)
}

function check(spec: PodSpec, fields: Fields): void {
  if (spec.containers.length === 0) throw invalid(fields.at('containers'), 'needs at least one container')
  const names = new Set<string>()
  const volumes = new Set(spec.volumes.map((volume) => volume.name))
  for (const [list, containers] of [
    ['initContainers', spec.initContainers],
    ['containers', spec.containers],
  ] as const) {
    for (const [index, container] of containers.entries()) {
      const path = `${fields.at(list)}[${index}]`
      if (names.has(container.name)) throw invalid(`${path}.name`, `\`${container.name}\` is there twice`)
      names.add(container.name)
      for (const [mountIndex, mount] of container.mounts.entries()) {
        if (volumes.has(mount.volume)) continue
        throw invalid(`${path}.volumeMounts[${mountIndex}].name`, `no volume is named \`${mount.volume}\``)
      }
    }
  }
}

function parseVolume(fields: Fields, hostPaths: ReadonlySet<string>): VolumeSpec {
  const name = fields.requiredString('name')
  const emptyDir = fields.child('emptyDir')
  if (emptyDir) {
    const bytes = emptyDir.raw['sizeLimit']
    const sizeLimit = typeof bytes === 'number' ? String(bytes) : emptyDir.string('sizeLimit')
    if (sizeLimit !== undefined && bytesOf(sizeLimit) === undefined)
      throw invalid(emptyDir.at('sizeLimit'), `\`${sizeLimit}\` is not a size such as 64Mi`)
    return {
      name,
      type: 'emptyDir',
      memory: emptyDir.string('medium') === 'Memory',
      sizeLimit,
    }
  }
  for (const field of ['configMap', 'secret'] as const) {
    const config = fields.child(field)
    if (!config) continue
    return {
      name,
      type: 'projected',
      mode: config.integer('defaultMode'),
      sources: [configOf(config, field, true)],
    }
  }
  const claim = fields.child('persistentVolumeClaim')
  if (claim) return { name, type: 'claim', claim: claim.requiredString('claimName') }
  const downward = fields.child('downwardAPI')
  if (downward) {
    return { name, type: 'projected', mode: downward.integer('defaultMode'), sources: [downwardOf(downward)] }
  }
  const hostPath = fields.child('hostPath')
  if (hostPath) {
    const path = hostPath.requiredString('path')
    if (hostPaths.has(path)) return { name, type: 'hostPath', path }
    throw invalid(
      hostPath.path,
      'is not there on one machine, whose files pods do not see: use --image NAME=FOLDER (read only, at /app), configMap or emptyDir',
    )
  }
  const projected = fields.child('projected')
  if (projected) {
    const sources = projected.list('sources').map(parseProjection)
    return { name, type: 'projected', mode: projected.integer('defaultMode'), sources }
  }
  throw invalid(
    fields.path,
    `volume \`${name}\` needs emptyDir, configMap, secret, persistentVolumeClaim, downwardAPI or projected on one machine`,
  )
}

function parseProjection(fields: Fields): Projection {
  const token = fields.child('serviceAccountToken')
  if (token) {
    return {
      type: 'token',
      path: relativePath(token, 'path'),
      audience: token.string('audience') ?? '',
      expirySeconds: token.integer('expirationSeconds', 1) ?? 3600,
    }
  }
  for (const field of ['configMap', 'secret'] as const) {
    const config = fields.child(field)
    if (config) return configOf(config, field, false)
  }
  const downward = fields.child('downwardAPI')
  if (downward) return downwardOf(downward)
  throw invalid(fields.path, 'needs serviceAccountToken, configMap, secret or downwardAPI on one machine')
}

/** A volume names a Secret by `secretName`, everything else by `name`. */
function configOf(fields: Fields, field: 'configMap' | 'secret', volume: boolean): Projection {
  const items: KeyPath[] | undefined = fields.has('items')
    ? fields
        .list('items')
        .map((item) => ({ key: item.requiredString('key'), path: relativePath(item, 'path') }))
    : undefined
  return {
    type: 'config',
    from: field === 'secret' ? 'Secret' : 'ConfigMap',
    name: fields.requiredString(volume && field === 'secret' ? 'secretName' : 'name'),
    items,
    optional: fields.boolean('optional') ?? false,
  }
}

function downwardOf(fields: Fields): Projection {
  return {
    type: 'downwardAPI',
    items: fields.list('items').map((item) => ({
      path: relativePath(item, 'path'),
      fieldPath: item.requiredChild('fieldRef').requiredString('fieldPath'),
    })),
  }
}

function relativePath(fields: Fields, name: string): string {
  const path = fields.requiredString(name)
  if (path.startsWith('/') || path.split('/').includes('..')) {
    throw invalid(fields.at(name), 'must be a relative path without `..`')
  }
  return path
}
