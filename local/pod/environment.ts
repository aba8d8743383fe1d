import { WeftError } from '../../core/errors.ts'
import type { ConfigObject } from '../manifest/objects.ts'
import type { ConfigKind, ContainerSpec } from '../manifest/pod-spec.ts'
import { fieldRef } from './field-ref.ts'
import type { PodFacts } from './field-ref.ts'

/** Looks up a ConfigMap or a Secret of the pod's namespace. */
export type ConfigSource = (kind: ConfigKind, name: string) => ConfigObject | undefined

/**
 * The environment of a container, over `defaults`. `$(NAME)` refers to an earlier entry and `$$(NAME)` is
 * left as `$(NAME)`, as in Kubernetes. Throws when a ConfigMap, Secret or key is missing and not optional.
 */
export function buildEnvironment(
  container: ContainerSpec,
  pod: PodFacts,
  configs: ConfigSource,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = { ...defaults }
  for (const source of container.envFrom) {
    const object = configs(source.from, source.name)
    if (!object && !source.optional)
      throw unusable(`${source.from} \`${source.name}\` does not exist`, container)
    for (const [key, value] of Object.entries(object?.data ?? {}))
      env[source.prefix + key] = variable(value, `${source.from} \`${source.name}\``, key, container)
  }
  for (const entry of container.env) {
    if ('value' in entry) env[entry.name] = expand(entry.value, env)
    else if ('fieldPath' in entry) env[entry.name] = fieldRef(entry.fieldPath, pod)
    else {
      const object = configs(entry.from, entry.object)
      const value = object?.data[entry.key]
      const named = `${entry.from} \`${entry.object}\``
      if (value !== undefined) env[entry.name] = variable(value, named, entry.key, container)
      else if (!entry.optional) {
        const lack = object ? `has no key \`${entry.key}\`` : 'does not exist'
        throw unusable(`${named} ${lack}`, container)
      }
    }
  }
  return env
}

/** A value as a variable. Whoever made it may not want it told: the error names its key only. */
function variable(value: string | Buffer, object: string, key: string, container: ContainerSpec): string {
  const text = value.toString()
  if (text.includes('\0'))
    throw unusable(`${object}, key \`${key}\`: a zero byte cannot be in a variable`, container)
  return text
}

/** Replaces `$(NAME)` by its value; an unknown name stays as it is. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\$\(([A-Za-z_][\w.-]*)\)|\$\(([A-Za-z_][\w.-]*)\)/g,
    (whole, escaped, name: string) => {
      if (escaped !== undefined) return whole.slice(1)
      return env[name] ?? whole
    },
  )
}

function unusable(message: string, container: ContainerSpec): WeftError {
  return new WeftError('local.container_config', message, { field: `container ${container.name}` })
}
