import type { CommandDescription } from '../../core/command-line/description.ts'
import { INJECTOR, SYSTEM_NAMESPACE } from '../../core/contract.ts'

/** `weft inject`. */
export const INJECT_COMMAND = {
  name: 'inject',
  summary: 'add the sidecar to manifests, as the webhook would',
  usage: ['-f FILE [flags]', 'FILE... [flags]'],
  about:
    'Adds the sidecar to every Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and List of a YAML or JSON ' +
    'text, by the same code as the webhook, and prints all of it. Other objects pass as they are. Warnings go to standard ' +
    'error.\n\n' +
    'Whether a namespace takes part is read from its Namespace in the same input; with --kubeconfig or --context, of one that ' +
    'is not there, from the cluster. Of a namespace that is in neither nothing is known: its pods get a sidecar if they may ' +
    'have one, their reason is namespace-unknown, and a line on standard error says so.',
  arguments: [{ name: 'FILE', optional: true, many: true }],
  flags: {
    filename: {
      short: 'f',
      value: 'FILE',
      many: true,
      help: 'a file, a directory with all below it, a kustomize folder, or - for standard input; may be given again',
    },
    namespace: {
      short: 'n',
      value: 'NAME',
      help: 'of objects that name none',
      otherwise: "default; of a cluster the context's",
    },
    settings: {
      value: 'FILE',
      help:
        "the installation's settings, as the injector reads them: kubectl get configmap -n " +
        `${SYSTEM_NAMESPACE} ${INJECTOR} -o jsonpath='{.data.settings\\.yaml}'`,
    },
    kubeconfig: {
      value: 'FILE',
      help: 'of a cluster whose namespaces are asked for',
      otherwise: 'none is asked',
    },
    context: { value: 'NAME', help: 'of the kubeconfig; a cluster is asked then, too' },
    json: {
      help: 'one JSON object in place of YAML: {results: [{kind, namespace, name, injected, reason, warnings}], objects: [...]}',
    },
  },
  examples: [
    { command: 'weft inject -f ./manifests | kubectl apply -f -', does: 'A directory with its Namespaces' },
    { command: 'kubectl kustomize . | weft inject - --context prod', does: 'What prod would make of it' },
  ],
  exit: '0 done, 1 something could not be read, 2 wrong flags',
} as const satisfies CommandDescription
