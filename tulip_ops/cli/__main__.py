"""`python -m tulip_ops.cli`, as Airflow's operator of Beam starts it."""

from tulip_ops.cli.main import main

if __name__ == "__main__":
    main(prog_name="tulip")
