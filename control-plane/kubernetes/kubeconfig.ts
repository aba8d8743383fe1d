import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { describeError, WeftError } from '../../core/errors.ts'
import { reasonOf } from './api-error.ts'
import type { Credentials, TlsSettings } from './credentials.ts'

/** The files that kubectl would read: those given, those of KUBECONFIG, or ~/.kube/config; empty when there is none. */
export function kubeconfigFiles(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly string[] {
  if (given !== undefined) return [given]
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  if (listed.length > 0) return listed
  const usual = join(env['HOME'] ?? homedir(), '.kube', 'config')
  return existsSync(usual) ? [usual] : []
}

/**
 * A context of kubeconfig files, read and merged by the Kubernetes project's client, which also runs credential
 * plugins and refreshes OpenID tokens. It loads its 700 models with that (50 MB), so pods do without it.
 * @throws WeftError `kubernetes.kubeconfig` naming the file, context, cluster or user that is wrong.
 */
export async function kubeconfigCredentials(
  files: readonly string[],
  context: string | undefined,
): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  for (const [index, file] of files.entries()) {
    try {
      if (index === 0) config.loadFromFile(file)
      else {
        const more = new KubeConfig()
        more.loadFromFile(file)
        mergeFirstWins(config, more)
      }
    } catch (error) {
      const [line = ''] = describeError(error).split('\n')
      throw new WeftError('kubernetes.kubeconfig', `is no kubeconfig that can be read: ${line}`, {
        field: file,
      })
    }
  }
  const where = files.join(delimiter)
  const wrong = (message: string): WeftError =>
    new WeftError('kubernetes.kubeconfig', message, { field: where })
  const name = context ?? config.getCurrentContext()
  if (!name) throw wrong('has no current-context; choose one with --context')
  const chosen = config.getContextObject(name)
  if (!chosen) {
    const known = config.getContexts().map((one) => one.name)
    throw wrong(`has no context "${name}"; it has ${known.length === 0 ? 'none' : known.join(', ')}`)
  }
  config.setCurrentContext(name)
  const cluster = config.getCurrentCluster()
  if (!cluster) throw wrong(`context "${name}" names cluster "${chosen.cluster}", which is not there`)
  if (chosen.user && !config.getCurrentUser())
    throw wrong(`context "${name}" names user "${chosen.user}", which is not there`)
  if (!/^https?:\/\/[^/]/.test(cluster.server)) {
    throw wrong(
      `the server of cluster "${cluster.name}" must begin with https:// or http://, got "${cluster.server}"`,
    )
  }
  if (cluster.proxyUrl && !/^https?:/.test(cluster.proxyUrl)) {
    throw wrong(
      `proxy-url of cluster "${cluster.name}" must begin with http:// or https://, got "${cluster.proxyUrl}"`,
    )
  }
  return {
    server: cluster.server,
    namespace: chosen.namespace ?? 'default',
    async current() {
      const options: RequestOptions & TlsSettings = {}
      try {
        await config.applyToHTTPSOptions(options)
      } catch (error) {
        throw wrong(`user "${chosen.user}": no credentials: ${reasonOf(error)}`)
      }
      const headers: Record<string, string> = {}
      for (const [key, value] of Object.entries(options.headers ?? {}))
        headers[key.toLowerCase()] = String(value).trim()
      if (options.auth) headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
      return { headers, tls: tlsOf(options), proxy: cluster.proxyUrl }
    },
  }
}

/** kubectl's rule: of two entries of a name the first file's counts. */
function mergeFirstWins(into: KubeConfig, from: KubeConfig): void {
  for (const one of from.getClusters()) if (!into.getCluster(one.name)) into.addCluster(one)
  for (const one of from.getUsers()) if (!into.getUser(one.name)) into.addUser(one)
  for (const one of from.getContexts()) if (!into.getContextObject(one.name)) into.addContext(one)
  if (!into.getCurrentContext()) into.setCurrentContext(from.getCurrentContext())
}

function tlsOf({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions & TlsSettings): TlsSettings {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  }
}
