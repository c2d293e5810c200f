"""Nothing that a form or the command line says may run a program."""

import pytest
from click.testing import CliRunner

from tulip_ops.cli.main import main
from tulip_ops.core.errors import OptionRefused
from tulip_ops.pipeline.beam import runners
from tulip_ops.pipeline.beam.runner_options import require_allowed

RUN_PROGRAMS = [
    "--prism_location=/tmp/evil",
    "--prism_beam_version_override=http://127.0.0.1/",
    "--sdk_location=/tmp/evil.tar.gz",
    "--environment_type=PROCESS",
    '--environment_config={"command": "/tmp/evil"}',
    "--environment_options=process_command=/tmp/evil",
    "--sdk_container_image=evil",
    "--worker_harness_container_image=evil",
    "--sdk_harness_container_image_overrides=.*,evil",
    "--prebuild_sdk_container_engine=local_docker",
    "--prebuild_sdk_container_base_image=evil",
    "--requirements_file=evil.txt",
    "--setup_file=/tmp/setup.py",
    "--extra_packages=evil.tar.gz",
    "--extra_package=evil.tar.gz",
    "--beam_plugins=evil",
    "--files_to_stage=/etc/passwd",
    "--beam_services={}",
    "--job_server_java_launcher=/tmp/evil",
    "--job_server_jvm_property=x",
    "--flink_job_server_jar=evil.jar",
    "--spark_job_server_jar=evil.jar",
    "--maven_repository_url=http://127.0.0.1/",
    "--profiler_agent=evil",
    "--pickle_library=dill",
    "--direct_running_mode=subprocess",
    "--direct_embed_docker_python",
    "--experiments=x",
    "--temp_location=gs://evil",
    "--staging_location=gs://evil",
    "--dask_client_address=tcp://127.0.0.1:1",
    "--output_executable_path=/tmp/evil.jar",
    "--service_account_email=evil",
    "--runner=evil.Runner",
]


@pytest.mark.parametrize("flag", [*RUN_PROGRAMS, "--prism_loc=/tmp/evil", "-x"])
def test_an_option_that_may_run_a_program_is_refused_by_name(flag: str) -> None:
    with pytest.raises(OptionRefused, match=f"the option {flag.partition('=')[0]} of Beam"):
        require_allowed(["--flink_master=a:1", flag])


@pytest.mark.parametrize("words", [["--", RUN_PROGRAMS[0]], [f"--flag={RUN_PROGRAMS[0]}"]])
def test_the_command_refuses_it_before_it_asks_anybody(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["beam", "--from", "2016-04-01", *words])
    assert isinstance(result.exception, OptionRefused) or "--prism_location" in result.output


def test_a_second_option_does_not_hide_behind_the_first() -> None:
    with pytest.raises(OptionRefused, match="--sdk_location"):
        require_allowed(["--flink_master", "--sdk_location", "evil"])
    with pytest.raises(OptionRefused, match="belongs to no option"):
        require_allowed(["--flink_master=a:1", "evil"])


def test_options_of_clusters_and_sizes_are_passed_on() -> None:
    require_allowed(["--flink_master", "flink:8081", "--parallelism=4", "--labels=a=b"])


def test_a_runner_is_one_of_the_list() -> None:
    with pytest.raises(OptionRefused, match=r"'os\.system' is no runner"):
        runners.run(["x"], run_id="r", runner="os.system", workers=1, threads=1)
    with pytest.raises(OptionRefused, match="--sdk_location"):
        runners.run(
            ["x"], run_id="r", runner="DirectRunner", workers=1, threads=1,
            flags=["--sdk_location=/tmp/evil"],
        )  # fmt: skip
