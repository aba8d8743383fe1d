import type { CommandDescription } from '../../core/command-line/description.ts'
import { INJECTOR, SYSTEM_NAMESPACE } from '../../core/contract.ts'

/** `weft inject`. */
export const INJECT_COMMAND = {
  name: 'inject',
  summary: 'add the sidecar to manifests, without a cluster',
  usage: ['-f FILE [flags]'],
  about:
    'Adds the sidecar to every Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and List of a YAML or JSON ' +
    'text, by the same code as the webhook, and prints all of it. Other objects pass as they are. Warnings go to standard ' +
    'error. No cluster is asked: labels of namespaces are not known, so every pod that may have a sidecar gets one.',
  flags: {
    filename: {
      short: 'f',
      value: 'FILE',
      many: true,
      help: 'what to read, - is standard input; may be given again',
    },
    namespace: { short: 'n', value: 'NAME', default: 'default', help: 'of objects that name none' },
    settings: {
      value: 'FILE',
      help:
        "the installation's settings, as the injector reads them: kubectl get configmap -n " +
        `${SYSTEM_NAMESPACE} ${INJECTOR} -o jsonpath='{.data.settings\\.yaml}'`,
    },
    json: {
      help: 'one JSON object in place of YAML: {results: [{kind, namespace, name, injected, reason, warnings}], objects: [...]}',
    },
  },
  exit: '0 done, 1 something could not be read, 2 wrong flags',
} as const satisfies CommandDescription
