import type { Check } from './check.ts'

/** What is wrong with pods, their injection and their accounts. */
export const POD_CHECKS = {
  WEFT0401: {
    title: 'A label of injection that decides nothing',
    severity: 'error',
    by: 'files',
    why: 'weft.dev/inject is a label with the value enabled or disabled. With another value, as an annotation or misspelt, no sidecar comes, and nothing says so.',
    remedy: 'Write weft.dev/inject: enabled as a label of the Namespace or the pod.',
  },
  WEFT0402: {
    title: 'A label that asks another mesh for a sidecar',
    severity: 'warning',
    by: 'files',
    why: 'It means nothing to Weft; with both meshes in a cluster a pod would get two sidecars.',
    remedy: "For Weft's write weft.dev/inject: enabled.",
  },
  WEFT0403: {
    title: 'An annotation that is ignored',
    severity: 'warning',
    by: 'files',
    why: 'Its name is not known or its value not allowed, so that the pod gets what holds without it.',
    remedy: 'Write a name and value of docs/annotations.md.',
  },
  WEFT0404: {
    title: 'A pod that goes around the mesh, in part or whole',
    severity: 'warning',
    by: 'files',
    why: 'The injector lets the pod in and warns: a container runs as the sidecar’s user, listens on its ports, or the pod gets no sidecar.',
    remedy: 'Do what the finding says; docs/admission.md tells what follows from it.',
  },
  WEFT0405: {
    title: 'A pod that the injector refuses',
    severity: 'error',
    by: 'files',
    why: 'No such pod is made.',
    remedy: 'Correct the field that the finding names.',
  },
  WEFT0406: {
    title: 'A ServiceAccount that is not there',
    severity: 'error',
    by: 'files',
    why: 'An API server makes no pod whose ServiceAccount does not exist.',
    remedy: 'Correct its name, or add it.',
  },
  WEFT0407: {
    title: 'A probe of a port that the container has not',
    severity: 'error',
    by: 'files',
    why: 'The probe fails for ever: the pod is never ready, or is restarted again and again.',
    remedy: 'Write the name of a port of the container, or its number.',
  },
  WEFT0408: {
    title: 'A pod without a sidecar in a namespace of the mesh',
    severity: 'warning',
    by: 'mesh',
    why: 'It was made before the namespace was labelled, or while the injector did not answer: what it sends and gets is plaintext, and no policy holds there.',
    remedy: 'Restart its workload: `kubectl rollout restart`.',
  },
  WEFT0409: {
    title: 'A pod that the mesh leaves out',
    severity: 'info',
    by: 'files',
    why: 'It is labelled weft.dev/inject: disabled or uses the network of its node (hostNetwork), in a namespace of the mesh.',
    remedy: 'Take the label or hostNetwork away, if it is to be of the mesh.',
  },
  WEFT0410: {
    title: 'A sidecar of another version than the control plane',
    severity: 'warning',
    by: 'mesh',
    why: 'It lacks what newer versions mend, and refuses fields that it does not know.',
    remedy: 'Restart its workload: `kubectl rollout restart`.',
  },
  WEFT0411: {
    title: 'A container that keeps ending, or a pod that does not get on',
    severity: 'error',
    by: 'machine',
    why: 'Its Service has fewer endpoints, or none.',
    remedy: 'Read its log and what happened to it.',
  },
} as const satisfies Readonly<Record<string, Check>>
