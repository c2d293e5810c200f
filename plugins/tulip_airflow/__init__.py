"""What Airflow's DAGs of this project are made of: tasks that run `tulip` commands.

DAG files import `tasks`, `params`, `retries` and `beam_operator`; nobody else imports this package.
It alone imports Airflow. Every DAG file is parsed in every task process, so these four import
`airflow.sdk` and the standard library; `pod_operator` and `pod_failures`, which cost seconds, are
imported where TULIP_RUNTIME is kubernetes.
"""
