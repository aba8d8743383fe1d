import { Fields, invalid } from './fields.ts'
import type { Action, ContainerSecurity, ContainerSpec, EnvEntry, ProbeSpec } from './pod-spec.ts'

const UNDERSTOOD = [
  'name',
  'image',
  'command',
  'args',
  'workingDir',
  'env',
  'envFrom',
  'ports',
  'volumeMounts',
  'startupProbe',
  'readinessProbe',
  'livenessProbe',
  'lifecycle',
  'securityContext',
  'restartPolicy',
]
/** What values come from, and how the names of fields that refer to it begin. */
const CONFIG_KINDS = [
  ['ConfigMap', 'configMap'],
  ['Secret', 'secret'],
] as const
const HARMLESS = [
  'imagePullPolicy',
  // Told once a pod.
  'resources',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'resizePolicy',
]

/** One entry of `containers` or `initContainers`. Source: Kubernetes API v1, Container. */
export function parseContainer(fields: Fields, init: boolean): ContainerSpec {
  fields.only(UNDERSTOOD, HARMLESS)
  const restartPolicy = fields.string('restartPolicy')
  if (restartPolicy !== undefined && !(init && restartPolicy === 'Always')) {
    throw invalid(fields.at('restartPolicy'), 'only an init container may say it, and only `Always`')
  }
  const lifecycle = fields.child('lifecycle')
  lifecycle?.only(['preStop'])
  return {
    name: fields.requiredString('name'),
    image: fields.requiredString('image'),
    command: fields.strings('command'),
    args: fields.strings('args') ?? [],
    workingDir: fields.string('workingDir'),
    env: fields.list('env').map(parseEnv),
    envFrom: fields.list('envFrom').flatMap((entry) => {
      entry.only(['configMapRef', 'secretRef', 'prefix'])
      return CONFIG_KINDS.flatMap(([kind, stem]) => {
        const reference = entry.child(`${stem}Ref`)
        if (!reference) return []
        const name = reference.requiredString('name')
        const optional = reference.boolean('optional') ?? false
        return [{ from: kind, name, prefix: entry.string('prefix') ?? '', optional }]
      })
    }),
    ports: fields.list('ports').map((port) => {
      port.only(['name', 'containerPort', 'protocol'])
      const containerPort = port.integer('containerPort', 1, 65535)
      if (containerPort === undefined) throw invalid(port.at('containerPort'), 'is required')
      return { name: port.string('name'), containerPort, protocol: port.string('protocol') ?? 'TCP' }
    }),
    mounts: fields.list('volumeMounts').map((mount) => {
      mount.only(['name', 'mountPath', 'subPath', 'readOnly'])
      const path = mount.requiredString('mountPath')
      if (!path.startsWith('/') || path.split('/').includes('..')) {
        throw invalid(mount.at('mountPath'), 'must be an absolute path without `..`')
      }
      const subPath = mount.string('subPath')
      if (subPath !== undefined && (subPath.startsWith('/') || subPath.split('/').includes('..'))) {
        throw invalid(mount.at('subPath'), 'must be a relative path without `..`')
      }
      return {
        volume: mount.requiredString('name'),
        path,
        subPath,
        readOnly: mount.boolean('readOnly') ?? false,
      }
    }),
    startupProbe: parseProbe(fields.child('startupProbe')),
    readinessProbe: parseProbe(fields.child('readinessProbe')),
    livenessProbe: parseProbe(fields.child('livenessProbe')),
    preStop: lifecycle?.has('preStop') ? parseAction(lifecycle.requiredChild('preStop')) : undefined,
    security: parseSecurity(fields.child('securityContext')),
    sidecar: restartPolicy === 'Always',
  }
}

function parseEnv(fields: Fields): EnvEntry {
  const name = fields.requiredString('name')
  const source = fields.child('valueFrom')
  if (!source) return { name, value: fields.string('value') ?? '' }
  const field = source.child('fieldRef')
  if (field) return { name, fieldPath: field.requiredString('fieldPath') }
  for (const [kind, stem] of CONFIG_KINDS) {
    const reference = source.child(`${stem}KeyRef`)
    if (!reference) continue
    return {
      name,
      from: kind,
      object: reference.requiredString('name'),
      key: reference.requiredString('key'),
      optional: reference.boolean('optional') ?? false,
    }
  }
  throw invalid(source.path, 'only fieldRef, configMapKeyRef and secretKeyRef are supported on one machine')
}

function parseSecurity(fields: Fields | undefined): ContainerSecurity {
  fields?.only(
    ['runAsUser', 'runAsGroup', 'capabilities', 'allowPrivilegeEscalation', 'readOnlyRootFilesystem'],
    ['runAsNonRoot', 'privileged', 'seccompProfile', 'appArmorProfile', 'seLinuxOptions', 'procMount'],
  )
  if (fields?.boolean('privileged'))
    fields.warn('privileged', 'is not supported on one machine and is ignored')
  const capabilities = fields?.child('capabilities')
  const runAsUser = fields?.integer('runAsUser')
  if (fields?.boolean('runAsNonRoot') && runAsUser === 0) {
    throw invalid(fields.at('runAsUser'), 'is 0 although runAsNonRoot is true')
  }
  return {
    runAsUser,
    runAsGroup: fields?.integer('runAsGroup'),
    addCapabilities: capabilities?.strings('add') ?? [],
    dropCapabilities: capabilities?.strings('drop') ?? [],
    noNewPrivileges: fields?.boolean('allowPrivilegeEscalation') === false,
    readOnlyRoot: fields?.boolean('readOnlyRootFilesystem') ?? false,
  }
}

function parseProbe(fields: Fields | undefined): ProbeSpec | undefined {
  if (!fields) return undefined
  return {
    action: parseAction(fields),
    initialDelaySeconds: fields.integer('initialDelaySeconds') ?? 0,
    periodSeconds: fields.integer('periodSeconds', 1) ?? 10,
    timeoutSeconds: fields.integer('timeoutSeconds', 1) ?? 1,
    successThreshold: fields.integer('successThreshold', 1) ?? 1,
    failureThreshold: fields.integer('failureThreshold', 1) ?? 3,
  }
}

function parseAction(fields: Fields): Action {
  const exec = fields.child('exec')
  if (exec) {
    const command = exec.strings('command') ?? []
    if (command.length === 0) throw invalid(exec.at('command'), 'is required')
    return { type: 'exec', command }
  }
  const http = fields.child('httpGet')
  if (http) {
    return {
      type: 'http',
      port: requiredPort(http),
      path: http.string('path') ?? '/',
      scheme: http.string('scheme') === 'HTTPS' ? 'https' : 'http',
      headers: Object.fromEntries(
        http
          .list('httpHeaders')
          .map((header) => [header.requiredString('name'), header.string('value') ?? '']),
      ),
    }
  }
  const tcp = fields.child('tcpSocket')
  if (tcp) return { type: 'tcp', port: requiredPort(tcp) }
  const grpc = fields.child('grpc')
  if (grpc) {
    const port = grpc.integer('port', 1, 65535)
    if (port === undefined) throw invalid(grpc.at('port'), 'is required')
    return { type: 'grpc', port, service: grpc.string('service') ?? '' }
  }
  const sleep = fields.child('sleep')
  if (sleep) return { type: 'sleep', seconds: sleep.integer('seconds') ?? 0 }
  throw invalid(fields.path, 'needs one of exec, httpGet, tcpSocket, grpc (or sleep in a hook)')
}

function requiredPort(fields: Fields): number | string {
  const port = fields.portReference('port')
  if (port === undefined) throw invalid(fields.at('port'), 'is required')
  return port
}
