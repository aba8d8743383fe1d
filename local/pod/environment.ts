import { WeftError } from '../../core/errors.ts'
import type { ConfigMapObject } from '../manifest/objects.ts'
import type { ContainerSpec } from '../manifest/pod-spec.ts'
import { fieldRef } from './field-ref.ts'
import type { PodFacts } from './field-ref.ts'

/** Looks up a ConfigMap of the pod's namespace. */
export type ConfigMaps = (name: string) => ConfigMapObject | undefined

/**
 * The environment of a container, over `defaults`. `$(NAME)` refers to an earlier entry and `$$(NAME)` is
 * left as `$(NAME)`, as in Kubernetes. Throws when a ConfigMap or key is missing and not optional.
 */
export function buildEnvironment(
  container: ContainerSpec,
  pod: PodFacts,
  configMaps: ConfigMaps,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = { ...defaults }
  for (const source of container.envFrom) {
    const map = configMaps(source.configMap)
    if (!map && !source.optional) throw missing(`ConfigMap \`${source.configMap}\` does not exist`, container)
    for (const [key, value] of Object.entries(map?.data ?? {})) env[source.prefix + key] = value
  }
  for (const entry of container.env) {
    if ('value' in entry) env[entry.name] = expand(entry.value, env)
    else if ('fieldPath' in entry) env[entry.name] = fieldRef(entry.fieldPath, pod)
    else {
      const value = configMaps(entry.configMap)?.data[entry.key]
      if (value !== undefined) env[entry.name] = value
      else if (!entry.optional) {
        throw missing(`ConfigMap \`${entry.configMap}\` has no key \`${entry.key}\``, container)
      }
    }
  }
  return env
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

function missing(message: string, container: ContainerSpec): WeftError {
  return new WeftError('local.container_config', message, { field: `container ${container.name}` })
}
