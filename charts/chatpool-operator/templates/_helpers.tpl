{{- define "operator.name" -}}chatpool-operator{{- end }}
{{- define "operator.selector" -}}
app.kubernetes.io/name: chatpool-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "operator.image" -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end }}
{{- /* Cluster-wide objects of two releases must not have the same name. */ -}}
{{- define "operator.clusterName" -}}chatpool-operator-{{ .Release.Namespace }}{{- end }}
