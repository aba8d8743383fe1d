import { WEBHOOK_PORT } from '../core/contract.ts'
import { LOG_LEVEL_FLAG } from '../core/command-line/description.ts'
import type { CommandDescription } from '../core/command-line/description.ts'

/** `weft injector`. */
export const INJECTOR_COMMAND = {
  name: 'injector',
  summary: 'serve the admission webhook that adds the sidecar',
  usage: ['--cert-file FILE --key-file FILE [flags]'],
  about: 'Serves the admission webhook over HTTPS: POST /mutate, GET /ready, GET /live.',
  flags: {
    listen: { value: 'HOST:PORT', default: `[::]:${WEBHOOK_PORT}`, help: 'where to listen' },
    'cert-file': {
      value: 'FILE',
      help: 'serving certificate with its chain, PEM; read again when it changes',
    },
    'key-file': { value: 'FILE', help: 'its private key, PEM; read again when it changes' },
    settings: { value: 'FILE', help: 'settings as YAML or JSON; read again when it changes' },
    'drain-seconds': {
      value: 'N',
      default: '5',
      help: 'how long it serves on after SIGTERM, not ready, until all have turned to other replicas',
    },
    'log-level': LOG_LEVEL_FLAG,
  },
  notes: ["Which namespaces take part is the business of the webhook configuration's namespaceSelector."],
  exit: '0 stopped by SIGTERM or SIGINT, 1 could not serve, 2 wrong flags',
} as const satisfies CommandDescription
