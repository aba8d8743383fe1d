{{/* Labels and annotations of a Deployment's pods, below `metadata:`; .values is the component's. */}}
{{- define "weft.podMetadata" -}}
labels:
  {{- include "weft.labels" (dict "name" .name "root" .root "more" .values.podLabels) | nindent 2 }}
{{- $scraped := dict }}
{{- if .root.Values.metrics.scrapeAnnotations }}
{{- $scraped = dict "prometheus.io/scrape" "true" "prometheus.io/port" .metricsPort "prometheus.io/path" "/metrics" "prometheus.io/scheme" .metricsScheme }}
{{- end }}
{{- with mergeOverwrite (dict) $scraped .root.Values.annotations .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What both components' pods have: who they run as, where they may run, how they end. */}}
{{- define "weft.podSpec" -}}
serviceAccountName: {{ .name }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "weft.selector" $ | nindent 8 }}
    matchLabelKeys:
      - pod-template-hash
  {{- end }}
terminationGracePeriodSeconds: 45
{{- end }}

{{/* A container's right to do nothing but run. */}}
{{- define "weft.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}
