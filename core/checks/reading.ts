import type { Check } from './check.ts'

/** What keeps an object from being read as it was meant. */
export const READING_CHECKS = {
  WEFT0001: {
    title: 'A file or document that cannot be read',
    severity: 'error',
    by: 'files',
    why: 'It is no YAML, or holds no object of Kubernetes, so that nothing in it counts; what was read of it before stays in force.',
    remedy: 'Correct the place that is named, or move the file away if it is no manifest.',
  },
  WEFT0002: {
    title: 'A field that is not as its kind has it',
    severity: 'error',
    by: 'files',
    why: 'A field is missing, is misspelt or has a value that its kind does not allow. An API server refuses the object; a mesh goes on with what was read of it last.',
    remedy: 'Write the value that the finding names.',
  },
  WEFT0003: {
    title: 'A kind that there is not',
    severity: 'error',
    by: 'files',
    why: 'Its kind or apiVersion is misspelt or of another version, so that a cluster refuses the object.',
    remedy: 'Write the kind and apiVersion that the finding names.',
  },
  WEFT0004: {
    title: "An object of another mesh's API",
    severity: 'warning',
    by: 'files',
    why: 'Weft reads routes of the Gateway API and its own kinds. What is said in those of Istio, Linkerd or SMI decides nothing.',
    remedy: 'Let `weft migrate` write the counterpart, or take the object out.',
  },
  WEFT0005: {
    title: 'A namespace that no manifest makes',
    severity: 'error',
    by: 'files',
    why: 'A cluster refuses objects of a namespace that does not exist.',
    remedy: 'Correct its name, or add the Namespace.',
  },
  WEFT0006: {
    title: 'An object that is there twice',
    severity: 'error',
    by: 'files',
    why: 'Two documents have the same kind, namespace and name: one of them decides nothing, and which one is easily missed.',
    remedy: 'Keep one of the two.',
  },
  WEFT0007: {
    title: 'A label or annotation of Weft on an object where it decides nothing',
    severity: 'warning',
    by: 'files',
    why: 'Labels and annotations of Weft are read where docs/annotations.md says; elsewhere what was meant by them does not happen.',
    remedy: 'Move it to the object that the finding names.',
  },
  WEFT0008: {
    title: 'A finding that is left out without a reason, or that is none',
    severity: 'warning',
    by: 'files',
    why: 'The annotation weft.dev/lint-ignore names a code that there is not or that found nothing here, or gives no reason. What it hides by mistake, nobody sees.',
    remedy:
      'Write codes, a colon and why: `weft.dev/lint-ignore: "WEFT0205: the client library names no port"`; take out codes that find nothing.',
  },
  WEFT0009: {
    title: 'Something that has no effect on one machine',
    severity: 'warning',
    by: 'machine',
    why: 'A cluster acts on it; the one-machine cluster does not, so that a pod may behave otherwise there.',
    remedy: 'Nothing, where a cluster reads it.',
  },
  WEFT0010: {
    title: 'A pod that cannot start on one machine',
    severity: 'error',
    by: 'machine',
    why: 'An image is a folder there, which has no entry point of its own and may not be known, or what the pod asks for is not there.',
    remedy: 'Add the command line, or pass the folder with --image.',
  },
} as const satisfies Readonly<Record<string, Check>>
