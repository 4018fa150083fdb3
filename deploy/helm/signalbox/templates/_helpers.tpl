{{- define "signalbox.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "signalbox.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "signalbox.labels" -}}
{{ include "signalbox.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "signalbox.config" -}}
{{- range $name := list "listen" "data_dir" "rules" -}}
{{- if hasKey $.Values.config $name -}}
{{- fail (printf "config.%s is set by the chart: remove it (rule files stand under rules:)" $name) -}}
{{- end -}}
{{- end -}}
{{- $own := dict "listen" "0.0.0.0:8080" "data_dir" "/var/lib/signalbox/data" "rules" (list "../rules/*.yaml") -}}
{{- with .Values.cluster.nats -}}
{{- $at := printf "http://${POD_NAME}.%s-nodes:8080" (include "signalbox.name" $) -}}
{{- $_ := set $own "cluster" (dict "nats" . "name" $.Values.cluster.name "node" "${POD_INDEX}" "advertise" $at) -}}
{{- end -}}
{{- merge $own .Values.config | toYaml -}}
{{- end -}}
